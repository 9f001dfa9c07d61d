package agent

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// kept is one write: how many decisions it held, and how old the first was.
type kept struct {
	decisions int
	oldest    time.Duration
}

// keepInTurn runs keepWriting in virtual time over decisions, one each gap, and
// for a rest after the last.
func keepInTurn(t *testing.T, decisions int, gap, rest time.Duration) (writes []kept) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		served, past := make(chan struct{}, 1), make(chan struct{}, 1)
		var mu sync.Mutex
		var waiting []time.Time // guarded by mu
		done := make(chan struct{})
		go func() {
			keepWriting(ctx, served, past, func() {
				mu.Lock()
				defer mu.Unlock()
				if len(waiting) > 0 {
					writes = append(writes, kept{len(waiting), time.Since(waiting[0])})
				}
				waiting = nil
			})
			close(done)
		}()
		for range decisions {
			synctest.Wait()
			mu.Lock()
			waiting = append(waiting, time.Now())
			mu.Unlock()
			for _, c := range []chan struct{}{served, past} {
				select {
				case c <- struct{}{}:
				default:
				}
			}
			time.Sleep(gap)
		}
		time.Sleep(rest)
		cancel()
		<-done
	})
	return writes
}

func TestOneDecisionIsKeptBehindItsAnswer(t *testing.T) {
	w := keepInTurn(t, 1, 0, time.Minute)
	if len(w) != 1 || w[0].oldest != keepQuiet {
		t.Errorf("writes %+v, want one after %s", w, keepQuiet)
	}
}

func TestDecisionsThatFollowEachOtherAreKeptTogether(t *testing.T) {
	for _, gap := range []time.Duration{3 * time.Millisecond, 50 * time.Millisecond} {
		const decisions = 1000
		w := keepInTurn(t, decisions, gap, time.Minute)
		all := 0
		for _, k := range w {
			all += k.decisions
			if k.oldest > keepRest+keepLatest {
				t.Errorf("each %s: a decision was kept after %s", gap, k.oldest)
			}
		}
		every := keepRest
		if gap < keepQuiet {
			every += keepLatest
		}
		if most := int(decisions*gap/every) + 2; all != decisions || len(w) > most {
			t.Errorf("each %s: %d of %d decisions kept in %d writes, want all in at most %d", gap, all, decisions, len(w), most)
		}
	}
}

func TestWhatIsLeftIsKeptAtTheEnd(t *testing.T) {
	if w := keepInTurn(t, 1, time.Millisecond, 0); len(w) != 1 || w[0].oldest > keepQuiet/2 {
		t.Errorf("writes %+v, want one at the end", w)
	}
}
