package raftstore

import (
	"math/bits"
	"sync"
	"time"
)

// Latency sums up how long something took since the store was opened.
type Latency struct {
	Count uint64        `json:"count"`
	P50   time.Duration `json:"p50"`
	P99   time.Duration `json:"p99"`
	Max   time.Duration `json:"max"`
}

// histogram counts durations in buckets that are an eighth of a power of two
// wide, so a quantile is right within 12 %.
type histogram struct {
	mu sync.Mutex
	// guarded by mu:
	buckets [64 * 8]uint64
	count   uint64
	max     time.Duration
}

// observe adds one duration.
func (h *histogram) observe(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buckets[bucketOf(d)]++
	h.count++
	h.max = max(h.max, d)
}

// bucketOf is the exponent of two, and the next three bits.
func bucketOf(d time.Duration) int {
	v := uint64(max(d, 1))
	exp := bits.Len64(v) - 1
	if exp < 3 {
		return int(v)
	}
	return exp<<3 | int(v>>(exp-3)&7)
}

// bucketTop is the largest duration in the bucket.
func bucketTop(i int) time.Duration {
	if i < 8 {
		return time.Duration(i)
	}
	exp, frac := i>>3, uint64(i&7)
	return time.Duration((8+frac+1)<<(exp-3) - 1)
}

// summary returns the quantiles.
func (h *histogram) summary() Latency {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Latency{Count: h.count, P50: h.quantile(0.50), P99: h.quantile(0.99), Max: h.max}
}

// quantile must be called with mu held.
func (h *histogram) quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.count))
	var seen uint64
	for i, n := range h.buckets {
		seen += n
		if n > 0 && seen > rank {
			return min(bucketTop(i), h.max)
		}
	}
	return h.max
}
