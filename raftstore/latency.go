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
	// Sum is how long all took together.
	Sum time.Duration `json:"sum"`
	// Buckets holds the same times for who looks at them over time.
	Buckets []LatencyBucket `json:"-"`
}

// LatencyBucket counts what took less than Below, shorter times included.
type LatencyBucket struct {
	Below time.Duration
	Count uint64
}

// Buckets of a Latency are powers of two of nanoseconds: from 16 µs, which no disk
// takes less than, to 17 s.
const (
	firstBucket = 14
	lastBucket  = 34
)

// histogram counts durations in buckets that are an eighth of a power of two
// wide, so a quantile is right within 12 %.
type histogram struct {
	mu sync.Mutex
	// guarded by mu:
	buckets [64 * 8]uint64
	count   uint64
	max     time.Duration
	sum     time.Duration
}

// observe adds one duration.
func (h *histogram) observe(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buckets[bucketOf(d)]++
	h.count++
	h.max = max(h.max, d)
	h.sum += d
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

// summary returns the quantiles and the buckets.
func (h *histogram) summary() Latency {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Latency{Count: h.count, P50: h.quantile(0.50), P99: h.quantile(0.99), Max: h.max, Sum: h.sum, Buckets: h.powers()}
}

// powers must be called with mu held.
func (h *histogram) powers() []LatencyBucket {
	out := make([]LatencyBucket, 0, lastBucket-firstBucket+1)
	var below uint64
	i := 0
	for exp := firstBucket; exp <= lastBucket; exp++ {
		for ; i < exp<<3; i++ {
			below += h.buckets[i]
		}
		out = append(out, LatencyBucket{Below: 1 << exp, Count: below})
	}
	return out
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
