package dnsserver

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// whyLabel stands in front of a name to ask for the reason of its answer.
const whyLabel = "\x04_why"

// why answers questions for the reason of an answer, for those who may know it;
// nil if this is none. It may allocate.
func (r *responder) why(z *zone, name []byte) *section {
	if !r.whyAsked(name) {
		return nil
	}
	about, _, err := dns.UnpackDomainName(name, len(whyLabel))
	if err != nil {
		return nil
	}
	lines := r.conf.Why(about)
	if len(lines) == 0 {
		return nil
	}
	if r.q.qtype != uint16(srv.TypeTXT) && r.q.qtype != typeANY {
		return z.denial // the name exists, and has no such records
	}
	p := newPacker(z.origin)
	for _, line := range lines {
		p.owner("", uint16(srv.TypeTXT), 0) // it may be otherwise the next moment
		p.data(func() {
			for part := range slices.Chunk([]byte(line), 255) {
				p.text(string(part))
			}
		})
	}
	s, err := p.done()
	if err != nil {
		return nil
	}
	return s
}

// whyAsked reports whether a name asks for a reason, and the client may have it.
func (r *responder) whyAsked(name []byte) bool {
	return r.conf.Why != nil && string(name[:min(len(name), len(whyLabel))]) == whyLabel && r.mayAskWhy()
}

func (r *responder) mayAskWhy() bool {
	client := r.client.Unmap()
	return slices.ContainsFunc(r.conf.WhyAllow, func(p netip.Prefix) bool { return p.Contains(client) })
}
