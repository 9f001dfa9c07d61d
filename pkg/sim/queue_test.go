package sim

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestQueueAgreesWithSorting: what comes out is what a sorted list would give,
// whatever is added in between.
func TestQueueAgreesWithSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newQueue()
		var dumb []event
		var now time.Duration
		var seq uint64
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "add") {
				at := now + time.Duration(rapid.Int64Range(0, int64(5*time.Second)).Draw(t, "at"))
				q.add(at, evPhone, int(seq))
				dumb = append(dumb, event{at: at, seq: seq, who: int32(seq)})
				seq++
				continue
			}
			end := now + time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "end"))
			e, ok := q.take(end)
			slices.SortFunc(dumb, func(a, b event) int {
				if a.before(&b) {
					return -1
				}
				return 1
			})
			if want := len(dumb) > 0 && dumb[0].at <= end; ok != want {
				t.Fatalf("took something: %v, want %v", ok, want)
			}
			if !ok {
				continue
			}
			if e.seq != dumb[0].seq || e.at != dumb[0].at {
				t.Fatalf("took %d at %s, want %d at %s", e.seq, e.at, dumb[0].seq, dumb[0].at)
			}
			now, dumb = e.at, dumb[1:]
		}
	})
}
