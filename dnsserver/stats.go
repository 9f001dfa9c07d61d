package dnsserver

import (
	"sync/atomic"
	"time"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// transport is how a question came.
type transport uint8

// The transports served.
const (
	UDP transport = iota
	TCP
	TLS // DNS over TLS
	transports
)

func (t transport) String() string {
	switch t {
	case TCP:
		return "tcp"
	case TLS:
		return "tls"
	}
	return "udp"
}

// countedTypes are the question types counted by name; the rest is "other".
func countedTypes() [9]uint16 {
	return [9]uint16{
		uint16(srv.TypeA), uint16(srv.TypeNS), uint16(srv.TypeSOA), uint16(srv.TypeTXT), uint16(srv.TypeAAAA),
		uint16(srv.TypeSRV), uint16(srv.TypeNAPTR), typeANY, typeAXFR,
	}
}

const otherType = 9

func typeIndex(t uint16) int {
	switch t {
	case uint16(srv.TypeA):
		return 0
	case uint16(srv.TypeNS):
		return 1
	case uint16(srv.TypeSOA):
		return 2
	case uint16(srv.TypeTXT):
		return 3
	case uint16(srv.TypeAAAA):
		return 4
	case uint16(srv.TypeSRV):
		return 5
	case uint16(srv.TypeNAPTR):
		return 6
	case typeANY:
		return 7
	case typeAXFR, typeIXFR:
		return 8
	}
	return otherType
}

// typeLabel is the name of the i-th counter.
func typeLabel(i int) string {
	if i == otherType {
		return "other"
	}
	switch t := countedTypes()[i]; t {
	case typeANY:
		return "ANY"
	case typeAXFR:
		return "transfer"
	default:
		return srv.Type(t).String()
	}
}

// counters belong to one answering goroutine, so that counting costs no
// traffic between processors.
type counters struct {
	answers   [transports][otherType + 1][rcodes]atomic.Uint64
	dropped   atomic.Uint64
	truncated atomic.Uint64
	limited   atomic.Uint64
	slipped   atomic.Uint64
	slow      atomic.Uint64
}

// AnswerCount is how many answers of one kind were made.
type AnswerCount struct {
	Transport string // udp, tcp, tls
	Type      string // of the question: SRV, A, …, transfer, other
	RCode     string // NOERROR, NXDOMAIN, …
	Count     uint64
}

// Stats is what a Server has done since it was made.
type Stats struct {
	Epoch   uint64
	Answers []AnswerCount // kinds that occurred, in a fixed order
	// Dropped counts messages that deserve no answer: too short, or answers
	// themselves.
	Dropped uint64
	// Truncated counts answers that did not fit.
	Truncated uint64
	// Limited counts answers held back by the rate limit, Slipped those let
	// out truncated instead.
	Limited, Slipped uint64
	// Slow counts answers that took more than 10 ms to make.
	Slow uint64
	// Sampled counts exchanges passed on to a collector, SamplesLost those that
	// there was no room for, or no collector.
	Sampled, SamplesLost uint64
	// Connections: open now, accepted, and cut because of a limit (too many,
	// idle, too slow).
	TCPOpen, TCPAccepted, TCPCut uint64
	// Transfers over TCP: whole zones, differences, and those refused for want
	// of a key, of permission, or of room.
	TransfersWhole, TransfersIncremental, TransfersRefused uint64
	// Secondaries that are notified, in the order of the configuration.
	Secondaries []SecondaryStats
	// Swaps counts zones taken, RefusedSwaps those that failed their checks;
	// the last refusal stays until the next zone is taken.
	Swaps, RefusedSwaps uint64
	LastRefusal         string
	// Unsigned is why the steered zone, which has keys, is answered without
	// signatures; "" if it has none, or is signed.
	Unsigned      string
	LastRefusalAt time.Time
	// Stale says that good answers are marked as kept from an earlier time.
	Stale bool
}

// SecondaryStats is how far a secondary follows.
type SecondaryStats struct {
	Address string
	// Serial of the steered zone that it has last acknowledged to know of.
	Serial uint32
}

// addTo adds the counters to s.
func (c *counters) addTo(s *Stats, sum *[transports][otherType + 1][rcodes]uint64) {
	for t := range c.answers {
		for k := range c.answers[t] {
			for r := range c.answers[t][k] {
				sum[t][k][r] += c.answers[t][k][r].Load()
			}
		}
	}
	s.Dropped += c.dropped.Load()
	s.Truncated += c.truncated.Load()
	s.Limited += c.limited.Load()
	s.Slipped += c.slipped.Load()
	s.Slow += c.slow.Load()
}

// Stats returns the counters' values now.
func (s *Server) Stats() Stats {
	var out Stats
	var sum [transports][otherType + 1][rcodes]uint64
	s.mu.Lock()
	all := append([]*counters{}, s.counters...)
	out.Swaps, out.RefusedSwaps = s.swaps, s.refused
	out.LastRefusal, out.LastRefusalAt, out.Unsigned = s.lastRefusal, s.lastRefusalAt, s.unsigned
	s.mu.Unlock()
	for _, c := range all {
		c.addTo(&out, &sum)
	}
	for t := range sum {
		for k := range sum[t] {
			for r, n := range sum[t][k] {
				if n > 0 {
					out.Answers = append(out.Answers, AnswerCount{transport(t).String(), typeLabel(k), rcode(r).String(), n})
				}
			}
		}
	}
	out.TransfersWhole, out.TransfersIncremental = s.transfers.whole.Load(), s.transfers.incremental.Load()
	out.TransfersRefused = s.transfers.refusals.Load()
	for _, t := range s.notifier.tasks {
		out.Secondaries = append(out.Secondaries, SecondaryStats{t.to.String(), t.last.Load()})
	}
	sampled := s.tap.Stats()
	out.Sampled, out.SamplesLost = sampled.Sent, sampled.Lost
	out.Epoch, out.Stale = s.Epoch(), s.stale.Load()
	out.TCPOpen, out.TCPAccepted, out.TCPCut = uint64(s.conns.open()), s.conns.accepted.Load(), s.conns.cut.Load()
	return out
}
