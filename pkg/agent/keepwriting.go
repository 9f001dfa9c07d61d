package agent

import (
	"context"
	"sync"
	"time"
)

// What an agent keeps beside the answers, the served State and the past, is
// written behind them: to encode and sync it at once would take processors and
// disk from the name servers that are about to answer, and from the log's next
// entry.
const (
	// keepQuiet is how long nothing was decided before it is written.
	keepQuiet = 20 * time.Millisecond
	// keepRest lies between two writes: decisions that follow each other are
	// written together.
	keepRest = 400 * time.Millisecond
	// servedLatest is when the served State is written although decisions go on.
	// With keepRest it is how old what is kept of it may be.
	servedLatest = 100 * time.Millisecond
	// pastLatest is the same for the past. It can wait longer, since an agent
	// that dies before makes it again from the log.
	pastLatest = 2 * time.Second
	// keepRetry is how often what a disk refused is written to it again.
	keepRetry = 5 * time.Second
)

// keepBehind keeps what was served until ctx ends. It writes one of the two at a
// time: side by side they would take two processors.
func (a *Agent) keepBehind(ctx context.Context) {
	var writing sync.Mutex
	var past sync.WaitGroup
	past.Go(func() {
		keepWriting(ctx, a.past.notify, pastLatest, func() {
			writing.Lock()
			defer writing.Unlock()
			a.past.flushResting(func(d time.Duration) { pause(ctx, d) })
		})
	})
	keepWriting(ctx, a.mem.notify, servedLatest, func() {
		writing.Lock()
		defer writing.Unlock()
		a.mem.flush()
	})
	past.Wait()
}

// keepWriting flushes soon after there is something new, at the latest after so
// long, what a disk refused from time to time, and what is left when ctx ends.
func keepWriting(ctx context.Context, notify <-chan struct{}, latest time.Duration, flush func()) {
	retry := time.NewTicker(keepRetry)
	defer retry.Stop()
	for ctx.Err() == nil {
		select {
		case <-notify:
			waitQuiet(ctx, notify, latest)
		case <-retry.C:
		case <-ctx.Done():
		}
		flush()
		pause(ctx, keepRest)
	}
	flush()
}

// waitQuiet returns when nothing came for keepQuiet, after latest, or when ctx
// ends.
func waitQuiet(ctx context.Context, notify <-chan struct{}, latest time.Duration) {
	end, quiet := time.NewTimer(latest), time.NewTimer(keepQuiet)
	defer end.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-notify:
			quiet.Reset(keepQuiet)
		case <-quiet.C:
			return
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
