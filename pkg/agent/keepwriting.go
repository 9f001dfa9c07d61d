package agent

import (
	"context"
	"time"
)

// What an agent keeps beside the answers, the served State and the past, is
// written behind them, when decisions pause: to encode and sync it at once would
// take processors and disk from the name servers that are about to answer, and
// from the log's next entry. An agent that dies before makes both again from the
// log.
const (
	// keepQuiet is how long nothing was decided before it is written.
	keepQuiet = 20 * time.Millisecond
	// keepLatest is when it is written although decisions go on.
	keepLatest = 2 * time.Second
	// keepRest lies between two writes: decisions that follow each other are
	// written together. With keepLatest it is how old what is kept may be.
	keepRest = 400 * time.Millisecond
	// keepRetry is how often what a disk refused is written to it again.
	keepRetry = 5 * time.Second
)

// keepBehind keeps what was served until ctx ends. One loop writes both files:
// side by side they would take two processors at a time.
func (a *Agent) keepBehind(ctx context.Context) {
	keepWriting(ctx, a.mem.notify, a.past.notify, func() {
		a.mem.flush()
		a.past.flushResting(func(d time.Duration) { pause(ctx, d) })
	})
}

// keepWriting flushes soon after there is something new, what a disk refused
// from time to time, and what is left when ctx ends.
func keepWriting(ctx context.Context, served, past <-chan struct{}, flush func()) {
	retry := time.NewTicker(keepRetry)
	defer retry.Stop()
	for ctx.Err() == nil {
		select {
		case <-served:
			waitQuiet(ctx, served, past)
		case <-past:
			waitQuiet(ctx, served, past)
		case <-retry.C:
		case <-ctx.Done():
		}
		flush()
		pause(ctx, keepRest)
	}
	flush()
}

// waitQuiet returns when nothing came for keepQuiet, after keepLatest, or when
// ctx ends.
func waitQuiet(ctx context.Context, served, past <-chan struct{}) {
	latest, quiet := time.NewTimer(keepLatest), time.NewTimer(keepQuiet)
	defer latest.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-served:
			quiet.Reset(keepQuiet)
		case <-past:
			quiet.Reset(keepQuiet)
		case <-quiet.C:
			return
		case <-latest.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
