package dnsserver

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
)

// limiter counts equal answers to one network in each second. It is a fixed
// table of counters without keys: two networks may share a counter, for a
// second at most, since the second is part of what is hashed.
type limiter struct {
	conf  RateLimit
	seed  maphash.Seed
	slots [limiterSlots]window
}

const limiterSlots = 1 << 16

func newLimiter(conf RateLimit) *limiter {
	return &limiter{conf: conf, seed: maphash.MakeSeed()}
}

// action is what the limiter says about an answer.
type action uint8

const (
	send action = iota
	hold        // send nothing
	slip        // send it truncated
)

// check counts an answer about subject to a client at a time in seconds.
func (l *limiter) check(client netip.Addr, subject uint64, now uint32) action {
	if l.conf.Off || client.IsLoopback() && !l.conf.Loopback {
		return send
	}
	var key [28]byte
	network := client.As16()
	if client.Is4() || client.Is4In6() {
		copy(key[:16], network[:15]) // ::ffff:a.b.c.0/120, IPv4 /24
	} else {
		copy(key[:16], network[:7]) // /56
	}
	binary.LittleEndian.PutUint64(key[16:], subject)
	binary.LittleEndian.PutUint32(key[24:], now)
	n := l.slots[maphash.Bytes(l.seed, key[:])%limiterSlots].count(now)
	switch over := int(n) - l.conf.PerSecond; {
	case over <= 0:
		return send
	case l.conf.Slip > 0 && over%l.conf.Slip == 0:
		return slip
	}
	return hold
}

// window counts within one second: which one in the upper half, how many in
// the lower.
type window struct{ v atomic.Uint64 }

// count adds one and returns how many there were in this second.
func (w *window) count(now uint32) uint32 {
	for {
		old := w.v.Load()
		next := uint64(now)<<32 | 1
		if uint32(old>>32) == now {
			if next = old + 1; uint32(next) == 0 {
				return 1<<32 - 1
			}
		}
		if w.v.CompareAndSwap(old, next) {
			return uint32(next)
		}
	}
}
