package dnsserver_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// reference is a second answerer, deliberately dumb: the zone printed as a
// master file, read by a DNS library, searched record by record.
type reference struct {
	origin  string
	records []dns.RR
	nsid    string
	minimum uint32
}

func newReference(tb testing.TB, z *srv.Zone, nsid string) *reference {
	tb.Helper()
	ref := &reference{origin: z.Origin, nsid: nsid, minimum: min(z.SOA.TTL, z.SOA.Minimum)}
	p := dns.NewZoneParser(strings.NewReader(z.String()), z.Origin, "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		ref.records = append(ref.records, rr)
	}
	if err := p.Err(); err != nil {
		tb.Fatal(err)
	}
	return ref
}

// of returns the records of an owner and type, in the order of the zone, under
// the given spelling of the owner.
func (r *reference) of(name string, qtype uint16) []dns.RR {
	var out []dns.RR
	for _, rr := range r.records {
		if sameName(rr.Header().Name, name) && rr.Header().Rrtype == qtype {
			rr = dns.Copy(rr)
			rr.Header().Name = name
			out = append(out, rr)
		}
	}
	return out
}

func sameName(a, b string) bool { return dns.CanonicalName(a) == dns.CanonicalName(b) }

// exists reports whether anything is at the name or below it.
func (r *reference) exists(name string) bool {
	return slices.ContainsFunc(r.records, func(rr dns.RR) bool { return dns.IsSubDomain(name, rr.Header().Name) })
}

// answer is what a question deserves, without regard to size. The message was
// read by strictly.
func (r *reference) answer(m *dns.Msg) *dns.Msg {
	out := new(dns.Msg)
	out.SetReply(m)
	out.RecursionDesired, out.CheckingDisabled = m.RecursionDesired, false
	q := m.Question[0]
	opt := m.IsEdns0()
	switch {
	case m.Opcode != dns.OpcodeQuery:
		out.Rcode = dns.RcodeNotImplemented
	case opt != nil && opt.Version() != 0:
		out.Rcode = dns.RcodeBadVers
	case q.Qtype == dns.TypeOPT || q.Qclass == 0 || q.Qclass == dns.ClassNONE:
		out.Rcode = dns.RcodeFormatError
	case q.Qtype >= dns.TypeTKEY && q.Qtype < dns.TypeANY && q.Qtype != dns.TypeAXFR && q.Qtype != dns.TypeIXFR:
		out.Rcode = dns.RcodeNotImplemented
	case q.Qtype == dns.TypeNXNAME:
		out.Rcode = dns.RcodeFormatError
	case q.Qclass != dns.ClassINET || q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR || !dns.IsSubDomain(r.origin, q.Name):
		out.Rcode = dns.RcodeRefused
	default:
		r.lookup(out, q)
	}
	if opt != nil {
		out.Extra = append(out.Extra, r.opt(opt, extendedError(out.Rcode, q.Qtype)))
	}
	return out
}

// extendedError is what goes with an error (RFC 8914), 0 if nothing.
func extendedError(rcode int, qtype uint16) uint16 {
	switch {
	case rcode == dns.RcodeFormatError && qtype == dns.TypeNXNAME:
		return 30 // invalid query type, RFC 9824 §3.5
	case rcode == dns.RcodeNotImplemented:
		return dns.ExtendedErrorCodeNotSupported
	case rcode == dns.RcodeRefused && (qtype == dns.TypeAXFR || qtype == dns.TypeIXFR):
		return dns.ExtendedErrorCodeProhibited
	case rcode == dns.RcodeRefused:
		return dns.ExtendedErrorCodeNotAuthoritative
	}
	return 0
}

func (r *reference) opt(asked *dns.OPT, extended uint16) *dns.OPT {
	o := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	o.SetUDPSize(1232)
	o.SetDo(asked.Do())
	wanted := slices.ContainsFunc(asked.Option, func(e dns.EDNS0) bool { return e.Option() == dns.EDNS0NSID })
	if wanted && r.nsid != "" {
		o.Option = append(o.Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: fmt.Sprintf("%x", r.nsid)})
	}
	if extended != 0 {
		o.Option = append(o.Option, &dns.EDNS0_EDE{InfoCode: extended})
	}
	return o
}

func (r *reference) lookup(out *dns.Msg, q dns.Question) {
	out.Authoritative = true
	qtype := q.Qtype
	if qtype == dns.TypeANY {
		qtype = r.smallest(q.Name)
	}
	if out.Answer = r.of(q.Name, qtype); len(out.Answer) == 0 {
		soa := r.of(r.origin, dns.TypeSOA)
		soa[0].Header().Ttl = r.minimum
		out.Ns = soa
		if !r.exists(q.Name) {
			out.Rcode = dns.RcodeNameError
		}
		return
	}
	if q.Qtype == dns.TypeANY {
		return
	}
	var done []string
	for _, rr := range out.Answer {
		host := ""
		switch rr := rr.(type) {
		case *dns.SRV:
			host = rr.Target
		case *dns.NS:
			host = rr.Ns
		}
		if host == "" || slices.Contains(done, host) {
			continue
		}
		done = append(done, host)
		out.Extra = append(append(out.Extra, r.of(host, dns.TypeA)...), r.of(host, dns.TypeAAAA)...)
	}
}

// smallest is the type of the RRset with the fewest octets at a name, as they
// stand in a message; of equal ones the first.
func (r *reference) smallest(name string) uint16 {
	best, least := uint16(dns.TypeANY), 1<<30
	for _, t := range []uint16{dns.TypeSOA, dns.TypeA, dns.TypeNS, dns.TypeTXT, dns.TypeAAAA, dns.TypeSRV, dns.TypeNAPTR} {
		set := r.of(name, t)
		m := new(dns.Msg)
		m.SetQuestion(name, t)
		m.Compress = true
		m.Answer = set
		if n := m.Len(); len(set) > 0 && n < least {
			best, least = t, n
		}
	}
	return best
}

// sameReply reports how a reply differs from the reference's: header, question
// and OPT must be equal, and the records either equal or lawfully shortened.
func sameReply(got, want *dns.Msg) error {
	g, w := got.MsgHdr, want.MsgHdr
	g.Truncated, w.Truncated = false, false
	g.CheckingDisabled, w.CheckingDisabled = false, false
	if g != w {
		return fmt.Errorf("header %v, want %v", got.MsgHdr, want.MsgHdr)
	}
	if len(got.Question) != 1 || got.Question[0] != want.Question[0] {
		return fmt.Errorf("question %v, want %v", got.Question, want.Question)
	}
	if a, b := fmt.Sprint(withoutCookie(got.IsEdns0())), fmt.Sprint(withoutCookie(want.IsEdns0())); a != b {
		return fmt.Errorf("OPT %s, want %s", a, b)
	}
	return shortened(got, want)
}

// withoutCookie leaves out what no second answerer can know.
func withoutCookie(o *dns.OPT) *dns.OPT {
	if o != nil {
		o.Option = slices.DeleteFunc(o.Option, func(e dns.EDNS0) bool { return e.Option() == dns.EDNS0COOKIE })
	}
	return o
}

// randomQuestion asks for a name of the zone, something near one, or anything,
// with all the ornaments that a question may have.
func randomQuestion(r *rand.Rand, names []string) *dns.Msg {
	types := []uint16{
		dns.TypeSRV, dns.TypeSRV, dns.TypeA, dns.TypeAAAA, dns.TypeNAPTR, dns.TypeSOA, dns.TypeNS, dns.TypeTXT, dns.TypeANY,
		dns.TypeAXFR, dns.TypeIXFR, dns.TypeMX, dns.TypeCNAME, dns.TypeDS, dns.TypeOPT, dns.TypeTKEY, dns.TypeMAILB, 0, 65535, 128,
	}
	name := names[r.IntN(len(names))]
	switch r.IntN(6) {
	case 0:
		name = "x." + strings.TrimPrefix(name, ".")
	case 1:
		name = name[strings.IndexByte(name, '.')+1:]
	case 2:
		name = strings.Map(func(c rune) rune {
			if r.IntN(2) == 0 {
				return []rune(strings.ToUpper(string(c)))[0]
			}
			return c
		}, name)
	}
	if name == "" {
		name = "."
	}
	m := question(name, types[r.IntN(len(types))])
	m.Id = uint16(r.Uint32())
	m.RecursionDesired = r.IntN(2) == 0
	if r.IntN(20) == 0 {
		m.Question[0].Qclass = []uint16{0, 2, dns.ClassHESIOD, dns.ClassNONE, dns.ClassANY}[r.IntN(5)]
	}
	if r.IntN(20) == 0 {
		m.Opcode = r.IntN(16)
	}
	if r.IntN(2) == 0 {
		m.SetEdns0(uint16(r.IntN(2000)), r.IntN(2) == 0)
		opt := m.IsEdns0()
		if r.IntN(3) == 0 {
			opt.Option = append(opt.Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})
		}
		if r.IntN(5) == 0 {
			opt.Option = append(opt.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: strings.Repeat("5a", 8*(1+r.IntN(5)))})
		}
		if r.IntN(20) == 0 {
			opt.SetVersion(uint8(r.IntN(256)))
		}
	}
	return m
}

// Random questions, over UDP and TCP, get what the reference says.
func TestAgainstReference(t *testing.T) {
	z := testZone(7)
	cfg := dnsserver.Config{NSID: "calgary"}
	s := start(t, cfg, z)
	ref := newReference(t, z, cfg.NSID)
	names := []string{".", "org.", "www.example.org.", "example.net.", z.Origin}
	for _, set := range z.Sets {
		names = append(names, set.Name)
	}
	over, whole := udpClient(t, s), tcpClient(t, s)
	r := rand.New(rand.NewPCG(1, 2))
	rcodes := map[int]int{}
	for range 4000 {
		m := randomQuestion(r, names)
		sent := packed(t, m)
		want := ref.answer(m)
		got := unpacked(t, whole.raw(sent))
		if err := sameReply(got, want); err != nil || got.Truncated {
			t.Fatalf("over TCP, %v\nfor %v", err, m)
		}
		if len(got.Extra) != len(want.Extra) {
			t.Fatalf("over TCP, additional records are missing\nfor %v", m)
		}
		short := over.raw(sent)
		if len(short) > udpLimit(m) {
			t.Fatalf("%d octets over UDP for %v", len(short), m)
		}
		if err := sameReply(unpacked(t, short), want); err != nil {
			t.Fatalf("over UDP, %v\nfor %v", err, m)
		}
		rcodes[got.Rcode]++
	}
	for _, code := range []int{dns.RcodeSuccess, dns.RcodeFormatError, dns.RcodeNameError, dns.RcodeNotImplemented, dns.RcodeRefused, dns.RcodeBadVers} {
		if rcodes[code] == 0 {
			t.Errorf("no question got %s", dns.RcodeToString[code])
		}
	}
}

// strictly reads a message with the library and then asks of it what the
// library does not: that everything counted is there, nothing follows, the
// question is not compressed, OPT is one, and it and TSIG are in their places.
func strictly(msg []byte) (*dns.Msg, bool) {
	m := new(dns.Msg)
	if len(msg) < 12 || m.Unpack(msg) != nil || len(m.Question) != 1 {
		return nil, false
	}
	end := 12 + len(questionOctets(msg))
	if _, off, err := dns.UnpackDomainName(msg, 12); err != nil || off+4 != end {
		return nil, false
	}
	counts := []int{int(msg[6])<<8 | int(msg[7]), int(msg[8])<<8 | int(msg[9]), int(msg[10])<<8 | int(msg[11])}
	opts := 0
	for section, n := range counts {
		for i := range n {
			at := end
			rr, off, err := dns.UnpackRR(msg, at)
			if err != nil || off <= at || !pointsBack(msg, at) {
				return nil, false
			}
			if rr.Header().Rrtype == dns.TypeOPT {
				if opts++; section != 2 || msg[at] != 0 || !cookiesFit(rr.(*dns.OPT)) {
					return nil, false
				}
			}
			if rr.Header().Rrtype == dns.TypeTSIG && (section != 2 || i != n-1) {
				return nil, false
			}
			end = off
		}
	}
	return m, end == len(msg) && opts <= 1 && bytes.Equal(msg[4:6], []byte{0, 1})
}

// cookiesFit reports whether cookies are of a length that they can have
// (RFC 7873 §5.2.2).
func cookiesFit(o *dns.OPT) bool {
	return !slices.ContainsFunc(o.Option, func(e dns.EDNS0) bool {
		c, ok := e.(*dns.EDNS0_COOKIE)
		n := 0
		if ok {
			n = len(c.Cookie) / 2
		}
		return ok && n != 8 && (n < 16 || n > 40)
	})
}

// pointsBack reports whether the name at an offset, if it ends in a pointer,
// points to an earlier octet (RFC 1035 §4.1.4: "a prior occurrence").
func pointsBack(msg []byte, off int) bool {
	start := off
	for msg[off] != 0 && msg[off] < 0xC0 {
		off += 1 + int(msg[off])
	}
	return msg[off] == 0 || int(msg[off]&0x3F)<<8|int(msg[off+1]) < start
}
