package phones

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// queryTimeout is how long one name server has for one question.
const queryTimeout = 400 * time.Millisecond

// resolver asks name servers, each phone its own, and keeps answers for their
// TTL. It shares no code with the name server.
type resolver struct {
	servers []netip.AddrPort
	minTTL  time.Duration
	rnd     *rand.Rand

	mu    sync.Mutex
	cache map[question]entry
}

type question struct {
	name string
	kind dnsmessage.Type
}

type entry struct {
	until time.Time
	msg   dnsmessage.Message
}

var errNoRecords = errors.New("no such records")

// ask returns the message that answers, from the cache or from a server. The
// servers are tried in random order, as stub resolvers with several do.
func (r *resolver) ask(ctx context.Context, name string, kind dnsmessage.Type) (dnsmessage.Message, error) {
	q := question{strings.ToLower(name), kind}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.cache[q]; ok && time.Now().Before(e.until) {
		return e.msg, nil
	}
	var last error = errNoRecords
	for _, i := range r.rnd.Perm(len(r.servers)) {
		m, err := r.query(ctx, r.servers[i], q)
		if err != nil {
			last = err
			continue
		}
		if m.RCode != dnsmessage.RCodeSuccess && m.RCode != dnsmessage.RCodeNameError {
			last = fmt.Errorf("%s answers %s", r.servers[i], m.RCode)
			continue
		}
		ttl := time.Duration(ttlOf(m)) * time.Second
		r.cache[q] = entry{time.Now().Add(max(ttl, r.minTTL)), m}
		return m, nil
	}
	if e, ok := r.cache[q]; ok {
		return e.msg, nil // stale, since nobody answers (RFC 8767)
	}
	return dnsmessage.Message{}, fmt.Errorf("resolve %s: %w", name, last)
}

func (r *resolver) query(ctx context.Context, server netip.AddrPort, q question) (dnsmessage.Message, error) {
	var m dnsmessage.Message
	name, err := dnsmessage.NewName(q.name)
	if err != nil {
		return m, fmt.Errorf("name %q: %w", q.name, err)
	}
	id := uint16(r.rnd.Uint32())
	packet, err := (&dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: q.kind, Class: dnsmessage.ClassINET}},
	}).Pack()
	if err != nil {
		return m, fmt.Errorf("pack query: %w", err)
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "udp", server.String())
	if err != nil {
		return m, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(queryTimeout))
	if _, err := c.Write(packet); err != nil {
		return m, err
	}
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	if err != nil {
		return m, err
	}
	if err := m.Unpack(buf[:n]); err != nil {
		return m, fmt.Errorf("unpack answer: %w", err)
	}
	if m.ID != id || !m.Response {
		return m, errors.New("an answer to another question")
	}
	return m, nil
}

// ttlOf is the least TTL of an answer, and the SOA's of a negative one.
func ttlOf(m dnsmessage.Message) uint32 {
	records := m.Answers
	if len(records) == 0 {
		records = m.Authorities
	}
	if len(records) == 0 {
		return 0
	}
	least := records[0].Header.TTL
	for _, r := range records {
		least = min(least, r.Header.TTL)
	}
	return least
}

// naptr returns the SRV owner that NAPTR names for the service field, or "".
func (r *resolver) naptr(ctx context.Context, domain, service string) string {
	const typeNAPTR = dnsmessage.Type(35)
	m, err := r.ask(ctx, domain, typeNAPTR)
	if err != nil {
		return ""
	}
	var records []srv.NAPTR
	for _, a := range m.Answers {
		if u, ok := a.Body.(*dnsmessage.UnknownResource); ok {
			if n, ok := parseNAPTR(u.Data); ok {
				records = append(records, n)
			}
		}
	}
	if best := srv.OrderNAPTR(records, []string{service}); len(best) > 0 {
		return best[0].Replacement
	}
	return ""
}

// parseNAPTR reads RDATA (RFC 3403 §4.1). The replacement is never compressed.
func parseNAPTR(b []byte) (n srv.NAPTR, ok bool) {
	if len(b) < 4 {
		return n, false
	}
	n.Order, n.Preference = uint16(b[0])<<8|uint16(b[1]), uint16(b[2])<<8|uint16(b[3])
	b = b[4:]
	for _, s := range []*string{&n.Flags, &n.Service, &n.Regexp} {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			return n, false
		}
		*s, b = string(b[1:1+int(b[0])]), b[1+int(b[0]):]
	}
	for len(b) > 0 && b[0] != 0 {
		if len(b) < 1+int(b[0]) || b[0] > 63 {
			return n, false
		}
		n.Replacement += string(b[1:1+int(b[0])]) + "."
		b = b[1+int(b[0]):]
	}
	return n, len(b) == 1
}

// srv returns the targets of an SRV set in the order to try them.
func (r *resolver) srv(ctx context.Context, owner string) ([]srv.SRV, error) {
	m, err := r.ask(ctx, owner, dnsmessage.TypeSRV)
	if err != nil {
		return nil, err
	}
	var set []srv.SRV
	for _, a := range m.Answers {
		if s, ok := a.Body.(*dnsmessage.SRVResource); ok {
			set = append(set, srv.SRV{Priority: s.Priority, Weight: s.Weight, Port: s.Port, Target: s.Target.String()})
		}
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("resolve %s: %w", owner, errNoRecords)
	}
	return srv.Order(set, r.rnd), nil
}

// address returns the first IPv4 address of a host.
func (r *resolver) address(ctx context.Context, host string) (netip.Addr, error) {
	m, err := r.ask(ctx, host, dnsmessage.TypeA)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range m.Answers {
		if rec, ok := a.Body.(*dnsmessage.AResource); ok {
			return netip.AddrFrom4(rec.A), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("resolve %s: %w", host, errNoRecords)
}
