package dnsserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// Bounds of a zone file.
const (
	maxZoneFile     = 64 << 20 // octets
	maxZoneProblems = 20       // told at once
)

// ZoneProblem is one thing that is wrong with a zone file.
type ZoneProblem struct {
	File    string
	Line    int // the last of the record
	Message string
}

func (p *ZoneProblem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message) }

// ReadZone reads a zone in master file format (RFC 1035 §5), whole or not at
// all. The error joins a *ZoneProblem for each thing that is wrong. A zone with
// a SOA record is one of its own, and its Epoch is its serial; one without is
// what stands beside the steered records of the zone called origin. $INCLUDE is
// refused.
func ReadZone(text []byte, origin, file string) (*srv.Zone, error) {
	if len(text) > maxZoneFile {
		return nil, &ZoneProblem{file, 1, fmt.Sprintf("%d octets, at most %d", len(text), maxZoneFile)}
	}
	r := &zoneReader{
		file: file, at: map[srv.Key]int{}, lines: map[srv.Key][]int{},
		zone: &srv.Zone{Origin: strings.ToLower(dns.Fqdn(origin))},
	}
	in := &lineCounter{text: bytes.NewReader(text), line: 1}
	p := dns.NewZoneParser(in, r.zone.Origin, "")
	for rr, ok := p.Next(); ok && len(r.problems) < maxZoneProblems; rr, ok = p.Next() {
		r.line = in.last()
		r.record(rr)
	}
	if err := p.Err(); err != nil {
		r.syntax(in.last(), err)
	}
	if len(r.problems) == 0 {
		r.whole()
	}
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	return r.zone, nil
}

// lineCounter gives the parser octet by octet, so that it is known how far it
// has read.
type lineCounter struct {
	text *bytes.Reader
	line int
	ends bool // the octet before was the end of a line
}

func (c *lineCounter) ReadByte() (byte, error) {
	b, err := c.text.ReadByte()
	if c.ends && err == nil {
		c.line++
	}
	c.ends = b == '\n' && err == nil
	return b, err
}

func (c *lineCounter) Read(p []byte) (int, error) { // never called: the parser takes octets
	return 0, io.ErrNoProgress
}

// last is the line of the octet read last.
func (c *lineCounter) last() int { return c.line }

// zoneReader collects record sets and what is wrong with them.
type zoneReader struct {
	file     string
	line     int // of the record at hand
	zone     *srv.Zone
	soa      int             // its line, 0 without one
	at       map[srv.Key]int // index of a set
	lines    map[srv.Key][]int
	problems []error
}

func (r *zoneReader) problem(line int, format string, args ...any) {
	r.problems = append(r.problems, &ZoneProblem{r.file, line, clean(fmt.Sprintf(format, args...))})
}

// clean takes out of a message what a file may have put into it to fool a
// terminal.
func clean(text string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, text)
}

// canonical writes a name in lower case, with everything escaped that is not
// printed as it is; the name itself if it is none.
func canonical(name string) string {
	wire, err := packName(name)
	if err != nil {
		return dns.CanonicalName(name)
	}
	out, _, err := dns.UnpackDomainName(wire, 0)
	if err != nil {
		return dns.CanonicalName(name)
	}
	return out
}

// syntax tells what the parser says, without the place, which is told anyway.
func (r *zoneReader) syntax(line int, err error) {
	text := strings.TrimPrefix(err.Error(), "dns: ")
	if i := strings.LastIndex(text, " at line: "); i >= 0 {
		text = text[:i]
	}
	r.problem(line, "%s", text)
}

func (r *zoneReader) record(rr dns.RR) {
	h := rr.Header()
	name := canonical(h.Name)
	switch {
	case h.Class != dns.ClassINET:
		r.problem(r.line, "%s: class %s, only IN is served", name, dns.Class(h.Class))
		return
	case !r.zone.InZone(name):
		r.problem(r.line, "%s is not in the zone %s", name, r.zone.Origin)
		return
	case h.Ttl > 1<<31-1:
		r.problem(r.line, "%s: TTL %d is above 2147483647", name, h.Ttl)
		return
	}
	if soa, ok := rr.(*dns.SOA); ok {
		r.start(name, soa)
		return
	}
	if why, ok := refusedTypes()[h.Rrtype]; ok {
		r.problem(r.line, "%s %s: %s", name, dns.TypeToString[h.Rrtype], why)
		return
	}
	data, err := recordData(rr)
	if err != nil {
		r.problem(r.line, "%s: %v", name, err)
		return
	}
	r.add(srv.Key{Name: name, Type: srv.Type(h.Rrtype)}, h.Ttl, data)
}

// refusedTypes cannot stand in a zone that this server answers for, and why.
func refusedTypes() map[uint16]string {
	const signed = "a zone that was signed elsewhere cannot be served"
	const made = "is no record of a zone"
	return map[uint16]string{
		dns.TypeDNAME: "DNAME is not served",
		dns.TypeRRSIG: signed, dns.TypeNSEC: signed, dns.TypeNSEC3: signed, dns.TypeNSEC3PARAM: signed, dns.TypeSIG: signed,
		dns.TypeOPT: made, dns.TypeTSIG: made, dns.TypeTKEY: made, dns.TypeAXFR: made, dns.TypeIXFR: made, dns.TypeANY: made, dns.TypeNone: made,
	}
}

func (r *zoneReader) start(name string, soa *dns.SOA) {
	switch {
	case name != r.zone.Origin:
		r.problem(r.line, "SOA at %s, it belongs at %s", name, r.zone.Origin)
	case r.soa > 0:
		r.problem(r.line, "a second SOA, the first is in line %d", r.soa)
	default:
		r.soa = r.line
		r.zone.Epoch = uint64(soa.Serial)
		r.zone.SOA = srv.SOA{
			MName: canonical(soa.Ns), RName: canonical(soa.Mbox), Serial: soa.Serial, Refresh: soa.Refresh, Retry: soa.Retry, Expire: soa.Expire,
			Minimum: soa.Minttl, TTL: soa.Hdr.Ttl,
		}
	}
}

func (r *zoneReader) add(k srv.Key, ttl uint32, data srv.Data) {
	i, ok := r.at[k]
	if !ok {
		i = len(r.zone.Sets)
		r.at[k] = i
		r.zone.Sets = append(r.zone.Sets, srv.RRset{Name: k.Name, Type: k.Type, TTL: ttl})
	}
	s := &r.zone.Sets[i]
	if s.TTL != ttl {
		r.problem(r.line, "%s has TTL %d, the record in line %d has %d (RFC 2181 §5.2)", k, ttl, r.lines[k][0], s.TTL)
	}
	if twice := slices.IndexFunc(s.Data, func(o srv.Data) bool { return srv.EqualData(o, data) }); twice >= 0 {
		r.problem(r.line, "%s %s stands in line %d already", k, data, r.lines[k][twice])
	}
	s.Data = append(s.Data, data)
	r.lines[k] = append(r.lines[k], r.line)
}

// recordData takes the data out of a record.
func recordData(rr dns.RR) (srv.Data, error) {
	switch rr := rr.(type) {
	case *dns.A:
		if a, ok := netip.AddrFromSlice(rr.A.To4()); ok {
			return srv.A{Addr: a}, nil
		}
		return nil, errors.New("no IPv4 address")
	case *dns.AAAA:
		if a, ok := netip.AddrFromSlice(rr.AAAA.To16()); ok {
			return srv.AAAA{Addr: a}, nil
		}
		return nil, errors.New("no IPv6 address")
	case *dns.NS:
		return srv.NS{Host: canonical(rr.Ns)}, nil
	case *dns.CNAME:
		return srv.CNAME{Target: canonical(rr.Target)}, nil
	case *dns.SRV:
		return srv.SRV{Priority: rr.Priority, Weight: rr.Weight, Port: rr.Port, Target: canonical(rr.Target)}, nil
	}
	wire := make([]byte, dns.Len(rr))
	n, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return nil, err
	}
	_, start, err := dns.UnpackDomainName(wire, 0)
	if err != nil {
		return nil, err
	}
	if rr, _, err = dns.UnpackRR(wire[:n], 0); err != nil { // names in it are escaped then
		return nil, err
	}
	data := srv.Other{RRType: srv.Type(rr.Header().Rrtype), Wire: string(wire[start+10 : n])}
	if strings.HasPrefix(data.RRType.String(), "TYPE") { // RFC 3597 §5
		data.Text = fmt.Sprintf(`\# %d %x`, len(data.Wire), data.Wire)
	} else {
		data.Text = strings.TrimPrefix(rr.String(), rr.Header().String())
	}
	return data, nil
}
