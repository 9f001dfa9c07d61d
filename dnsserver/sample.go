package dnsserver

import (
	"net/netip"
	"time"

	"github.com/sipsteer/sipsteer/dnsserver/tap"
)

// slowAfter is when an answer counts as slow: from the moment that its question
// was read until it was handed to the kernel. Usual ones take some microseconds.
const slowAfter = 10 * time.Millisecond

// sample passes every so many exchange on to who collects them.
func (r *responder) sample(via transport, client netip.AddrPort, query, answer []byte) {
	if r.every == 0 || answer == nil {
		return
	}
	if r.turn++; r.turn < r.every {
		return
	}
	r.turn = 0
	r.tap.Take(tapTransport(via), client, query, answer)
}

func tapTransport(via transport) tap.Transport {
	switch via {
	case TCP:
		return tap.TCP
	case TLS:
		return tap.TLS
	}
	return tap.UDP
}

// slow counts n answers whose questions were read at a time, if that is long ago.
func (r *responder) slow(read time.Time, n int) {
	if n > 0 && time.Since(read) > slowAfter {
		r.count.slow.Add(uint64(n))
	}
}
