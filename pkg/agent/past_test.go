package agent

import (
	"runtime"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/archive"
)

// TestNothingIsGivenUpWhileTheDiskTakesIt has more decisions come during one
// write than would wait for a disk that refuses.
func TestNothingIsGivenUpWhileTheDiskTakesIt(t *testing.T) {
	kept, err := archive.Open(archive.Config{Dir: t.TempDir(), Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	p := newPast(kept, zerolog.Nop())
	const decisions = maxWaiting + 50
	decide := func(i uint64) {
		p.note(raftstore.Entry{Index: i}, steer.State{Epoch: i}, nil)
	}
	decide(1)
	rests := 0
	p.flushResting(func(d time.Duration) {
		rests++
		for i := range uint64(decisions) {
			decide(i + 2)
		}
	})
	if rests != 1 {
		t.Fatalf("%d rests for one record", rests)
	}
	p.flush()
	if n := len(kept.List(2 * decisions)); n != decisions+1 {
		t.Errorf("%d of %d decisions are kept", n, decisions+1)
	}
}

// TestWhoAsksForThePastDoesNotWaitForRests: a question while a series is written has
// the rest of it written without pauses.
func TestWhoAsksForThePastDoesNotWaitForRests(t *testing.T) {
	kept, err := archive.Open(archive.Config{Dir: t.TempDir(), Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	p := newPast(kept, zerolog.Nop())
	for i := range uint64(10) {
		p.note(raftstore.Entry{Index: i + 1}, steer.State{Epoch: i + 1}, nil)
	}
	asked := make(chan struct{})
	rests := 0
	p.flushResting(func(time.Duration) {
		if rests++; rests > 1 {
			return
		}
		go func() {
			p.flush()
			close(asked)
		}()
		for p.waiting.Load() == 0 {
			runtime.Gosched()
		}
	})
	<-asked
	if rests != 1 {
		t.Errorf("%d rests, and somebody waits since the first", rests)
	}
}
