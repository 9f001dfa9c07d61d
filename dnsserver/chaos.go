package dnsserver

import (
	"strings"

	"github.com/miekg/dns"
)

// The rare answers below are made with a DNS library; they may allocate.

// chaos answers questions of class CH about the server itself (RFC 4892).
func (r *responder) chaos(buf, msg []byte, via transport) []byte {
	var m dns.Msg
	if err := m.Unpack(msg); err != nil || len(m.Question) != 1 {
		return r.counted(r.brief(buf, msg, rcodeFormErr), rcodeFormErr, via)
	}
	text := r.about(strings.ToLower(m.Question[0].Name))
	t := m.Question[0].Qtype
	if text == "" || t != dns.TypeTXT && t != dns.TypeANY {
		return r.counted(r.brief(buf, msg, rcodeRefused), rcodeRefused, via)
	}
	var a answer
	a.begin(buf, msg, &r.q)
	a.flags |= flagAA
	rr := &dns.TXT{
		Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassCHAOS},
		Txt: []string{escapeText(text)},
	}
	packed := make([]byte, dns.Len(rr))
	n, err := dns.PackRR(rr, packed, 0, nil, false)
	if err != nil {
		return r.counted(r.brief(buf, msg, rcodeServFail), rcodeServFail, via)
	}
	a.msg = append(a.msg, packed[:n]...)
	a.counts[0] = 1
	return r.counted(r.end(&a), rcodeNoError, via)
}

// about returns what a CH name tells; empty for unknown names and what the
// operator does not tell.
func (r *responder) about(name string) string {
	switch name {
	case "id.server.", "hostname.bind.":
		return r.conf.NSID
	case "version.server.", "version.bind.":
		return r.conf.Version
	}
	return ""
}

// escapeText writes text as the DNS library wants it (RFC 1035 §5.1).
func escapeText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}

// brief is an answer of header, question and OPT only.
func (r *responder) brief(buf, msg []byte, code rcode) []byte {
	var a answer
	a.begin(buf, msg, &r.q)
	a.rcode = code
	return r.end(&a)
}
