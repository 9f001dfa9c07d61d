package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
)

const (
	// practiceEvery is how often the delayed copy is restored for practice.
	practiceEvery = 24 * time.Hour
	// practiceLongest bounds one such restore.
	practiceLongest = 5 * time.Minute
)

// practise restores the delayed copy into a scratch cluster once a day, when it is
// the first, and when the last practice failed: what was never restored is no copy.
func (d *delayed) practise(ctx context.Context, now time.Time) {
	d.mu.Lock()
	copied, last := d.copy, d.practice
	d.mu.Unlock()
	if copied == "" || last != nil && now.Sub(last.At) < practiceEvery && (last.Problem == "" || last.File == copied) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, practiceLongest)
	defer cancel()
	drill, err := d.drill(ctx, copied)
	if errors.Is(ctx.Err(), context.Canceled) {
		return // the agent stops
	}
	p := &api.CopyPractice{File: copied, At: now, Took: drill.Took.Seconds(), Records: drill.Records}
	if err != nil {
		p.Problem = err.Error()
		d.log.Error().Err(err).Str("file", copied).Msg("the delayed copy cannot be restored")
	} else {
		d.log.Info().Str("file", copied).Dur("took", drill.Took).Int("record_sets", drill.Records).Msg("the delayed copy was restored for practice")
	}
	d.mu.Lock()
	d.practice = p
	d.mu.Unlock()
}

// drillFile is RunDrill for a file.
func drillFile(ctx context.Context, path string) (Drill, error) {
	f, err := os.Open(path)
	if err != nil {
		return Drill{}, fmt.Errorf("open copy: %w", err)
	}
	defer f.Close()
	return RunDrill(ctx, f)
}

// practised is how the last practice went, or nil.
func (d *delayed) practised() *api.CopyPractice {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.practice
}

// deaf is a listener to which nobody can connect: a cluster of one has no peers.
type deaf struct {
	once sync.Once
	done chan struct{}
}

func newDeaf() *deaf { return &deaf{done: make(chan struct{})} }

// deafAddress is where nobody is.
const deafAddress = "127.0.0.1:1"

// Accept implements net.Listener: it waits for Close.
func (d *deaf) Accept() (net.Conn, error) {
	<-d.done
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (d *deaf) Close() error {
	d.once.Do(func() { close(d.done) })
	return nil
}

// Addr implements net.Listener.
func (d *deaf) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
