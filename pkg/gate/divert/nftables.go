package divert

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// NftablesConfig says what the kernel brings to the gate while the site is
// drained. While it is open nothing of ours is in the way but of sources in
// quarantine.
type NftablesConfig struct {
	// Table is the name of the table of ours, family inet. Default "sipsteer".
	// It belongs to this process: nobody else can change it, and it is gone
	// when the process is, also after kill -9.
	Table string
	// Diverted are the pairs of a public address and a listener of the gate.
	Diverted []Diverted
	// Direct are networks whose packets are never diverted: other agents, whose
	// checks are to reach the softswitch itself.
	Direct []netip.Prefix
	// Linger is how long connections that were diverted are carried on after
	// the site is open again; then they break. Default 1 h.
	Linger time.Duration
}

// Diverted is a public address of the site and the gate's listener that stands in
// for it. No two have the same listener: it is by the listener that an answer
// gets its public address back.
type Diverted struct {
	Transport fleet.Transport
	Public    netip.AddrPort
	Gate      netip.AddrPort
}

// maxDirect bounds Direct: each costs every packet time.
const maxDirect = 64

func (c NftablesConfig) validate() error {
	if len(c.Diverted) == 0 {
		return errors.New("nothing to divert")
	}
	for i, d := range c.Diverted {
		public, own := d.Public.Addr(), d.Gate.Addr()
		switch {
		case d.Transport != fleet.UDP && !d.Transport.Stream():
			return fmt.Errorf("divert %s: no such transport", d.Public)
		case !public.IsValid() || !own.IsValid() || d.Public.Port() == 0 || d.Gate.Port() == 0 || public.IsUnspecified() || own.IsUnspecified():
			return fmt.Errorf("divert %s %s to %s: both are an address and a port", d.Transport, d.Public, d.Gate)
		case public.Is4() != own.Is4():
			return fmt.Errorf("divert %s %s to %s: one is IPv4, the other IPv6", d.Transport, d.Public, d.Gate)
		case d.Public == d.Gate:
			return fmt.Errorf("divert %s %s: the gate's listener is another one", d.Transport, d.Public)
		case own.IsLoopback() && !public.IsLoopback():
			return fmt.Errorf("divert %s %s to %s: the kernel brings nothing from outside to a loopback address", d.Transport, d.Public, d.Gate)
		}
		for _, other := range c.Diverted[:i] {
			if protocol(other.Transport) == protocol(d.Transport) && (other.Public == d.Public || other.Gate == d.Gate) {
				return fmt.Errorf("divert %s %s to %s: one of both is taken by %s to %s", d.Transport, d.Public, d.Gate, other.Public, other.Gate)
			}
		}
	}
	if len(c.Direct) > maxDirect {
		return fmt.Errorf("%d networks that are not diverted: at most %d", len(c.Direct), maxDirect)
	}
	return nil
}

// chain is one of ours. Each stands at a hook of the kernel.
type chain int

const (
	// arrive turns UDP packets to the gate, without a state for each phone:
	// a storm cannot fill the kernel's table of connections, and there is no
	// old entry that a packet would follow instead.
	arrive chain = iota
	// leave gives the gate's answers the public address.
	leave
	// connect turns the first packet of a TCP connection; those that were
	// there before are not touched.
	connect
)

var chainNames = [...]string{arrive: "arrive", leave: "leave", connect: "connect"}

// step is one rule of a chain in our words.
type step struct {
	chain chain
	match packetMatch
	// change is where a packet that fits is turned to, by its destination in
	// arrive and connect, by its source in leave. Invalid: it is let alone.
	change netip.AddrPort
}

// packetMatch is what a packet must be; what is zero says nothing.
type packetMatch struct {
	loopback bool // from this machine itself
	from     netip.Prefix
	kept     bool   // from a source in quarantine, of the family of dst
	proto    string // udp, tcp
	src, dst netip.AddrPort
	// request: not a SIP response. Those belong to requests of the softswitch,
	// which go out past the gate, so they come back past it (RFC 3261 §7.2
	// has them begin with the version).
	request bool
	// first: SYN alone. The kernel takes a connection that it did not see begin
	// for new, too.
	first bool
	// unsummed: UDP without a checksum, which stays so (RFC 768).
	unsummed bool
}

// String names a step; equal steps have equal names, and different ones different.
func (s step) String() string {
	m := s.match
	out := chainNames[s.chain]
	for _, x := range []struct {
		is   bool
		text string
	}{
		{m.loopback, " loopback"},
		{m.from.IsValid(), " from " + m.from.String()},
		{m.kept, " kept"},
		{m.proto != "", " " + m.proto},
		{m.src.IsValid(), " src " + m.src.String()},
		{m.dst.IsValid(), " dst " + m.dst.String()},
		{m.request, " request"},
		{m.first, " first"},
		{m.unsummed, " unsummed"},
		{s.change.IsValid(), " to " + s.change.String()},
	} {
		if x.is {
			out += x.text
		}
	}
	return out
}

func protocol(t fleet.Transport) string {
	if t.Stream() {
		return "tcp"
	}
	return "udp"
}

// chains are those that are needed: one for TCP has the kernel follow every
// connection of the machine.
func (c NftablesConfig) chains() []chain {
	var out []chain
	if slices.ContainsFunc(c.Diverted, func(d Diverted) bool { return !d.Transport.Stream() }) {
		out = append(out, arrive, leave)
	}
	if slices.ContainsFunc(c.Diverted, func(d Diverted) bool { return d.Transport.Stream() }) {
		out = append(out, connect)
	}
	return out
}

// steps are the rules for a policy, none when all that is diverted is open and
// nobody is in quarantine. What somebody in quarantine sends is brought to the
// gate also while the site is open: it knows calls that are up and calls for help
// from new work, which the kernel does not.
func (c NftablesConfig) steps(p gate.Policy, quarantine []boundary) []step {
	var turns []step
	for _, d := range c.Diverted {
		open := p.Rules[d.Transport].Mode == gate.Open
		if open && len(ofFamily(quarantine, d.Public.Addr().Is4())) == 0 {
			continue
		}
		if d.Transport.Stream() {
			turns = append(turns, step{connect, packetMatch{kept: open, proto: "tcp", dst: d.Public, first: true}, d.Gate})
			continue
		}
		turns = append(turns, step{arrive, packetMatch{kept: open, proto: "udp", dst: d.Public, request: true, unsummed: true}, d.Gate},
			step{arrive, packetMatch{kept: open, proto: "udp", dst: d.Public, request: true}, d.Gate})
		for _, up := range p.Upstreams[d.Transport] {
			// What the gate passes on goes out as it is: it is answered to the gate.
			turns = append(turns, step{leave, packetMatch{proto: "udp", src: d.Gate, dst: up}, netip.AddrPort{}})
		}
		turns = append(turns, step{leave, packetMatch{proto: "udp", src: d.Gate}, d.Public})
	}
	if len(turns) == 0 {
		return nil
	}
	var out []step
	for _, at := range c.chains() {
		if at == leave {
			continue
		}
		// What this machine sends to itself: the gate to a softswitch beside
		// it, and this agent's checks.
		out = append(out, step{at, packetMatch{loopback: true}, netip.AddrPort{}})
		for _, n := range c.Direct {
			out = append(out, step{at, packetMatch{from: n.Masked()}, netip.AddrPort{}})
		}
	}
	return append(out, turns...)
}

func names(steps []step, quarantine []boundary) []string {
	var out []string
	for _, s := range steps {
		out = append(out, s.String())
	}
	for _, b := range quarantine {
		out = append(out, b.String())
	}
	slices.Sort(out)
	return out
}
