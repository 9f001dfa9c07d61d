package raftstore

import (
	"testing"
	"time"
)

func TestLatencyBuckets(t *testing.T) {
	took := []time.Duration{0, 900, 1<<14 - 1, 1 << 14, 300 * time.Microsecond, 300 * time.Microsecond, 7 * time.Millisecond, time.Second, time.Hour}
	var h histogram
	var sum time.Duration
	for _, d := range took {
		h.observe(d)
		sum += d
	}
	l := h.summary()
	if l.Count != uint64(len(took)) || l.Sum != sum || l.Max != time.Hour {
		t.Errorf("%d in %s, the longest %s", l.Count, l.Sum, l.Max)
	}
	for _, b := range l.Buckets {
		var want uint64
		for _, d := range took {
			if d < b.Below {
				want++
			}
		}
		if b.Count != want {
			t.Errorf("below %s: %d, want %d", b.Below, b.Count, want)
		}
	}
	if first, last := l.Buckets[0], l.Buckets[len(l.Buckets)-1]; first.Below > 20*time.Microsecond || last.Below < 10*time.Second {
		t.Errorf("buckets from %s to %s", first.Below, last.Below)
	}
}
