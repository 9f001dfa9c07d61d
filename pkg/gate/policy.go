package gate

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Mode is what a gate does with new work.
type Mode uint8

// The modes, in the order of their severity.
const (
	Open     Mode = iota // everything is passed on
	Draining             // new work is refused, calls that are up go on
	Closed               // all requests are refused
)

var modeNames = [...]string{Open: "open", Draining: "draining", Closed: "closed"}

// String returns open, draining or closed.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return "mode(" + strconv.Itoa(int(m)) + ")"
}

// Rule is what a gate does on one transport.
type Rule struct {
	Mode Mode
	// PassInvite is the first phase of a planned drain: REGISTER and SUBSCRIBE
	// outside a dialog are refused, INVITE and all others still pass. Else
	// callers would move before those whom they call.
	PassInvite bool
	// Reason is told to the phone in Reason and Warning, for example "site
	// drained". Control characters and quotes are left out.
	Reason string
}

// Policy is what a gate follows from now on. A missing rule means Open. The
// maps and slices must not be changed after SetPolicy.
type Policy struct {
	Rules map[fleet.Transport]Rule
	// Upstreams are the softswitch's listeners. Without one on a transport
	// nothing can be passed on there, and all is refused.
	Upstreams map[fleet.Transport][]netip.AddrPort
	// RetryAfterMin and RetryAfterMax bound Retry-After, in seconds. Each
	// request has its place between them, the same for its retransmissions.
	// Zero means 5 and 10.
	RetryAfterMin, RetryAfterMax int
	// Emergency are dialled numbers that pass while the site is drained;
	// urn:service:sos passes in any case (RFC 5031).
	Emergency []string
	// EmergencyRedirect are SIP URIs of live sites, best first, that an
	// emergency call is sent to when this site is closed. Without one the
	// call is passed to the softswitch, whatever is believed of it.
	EmergencyRedirect []string
	// Redirects are SIP URIs of live sites for each transport, best first,
	// for rows of the rule table that answer 302. Without one they say 503.
	Redirects map[fleet.Transport][]string
	// Horizon is from when on nobody should hold an answer of the name servers
	// that names this site; zero when that is not known. Who comes later is a
	// straggler.
	Horizon time.Time
	// RegisterRate is how many devices per second may register newly while the
	// site is open; the others get 503, with a Retry-After that spreads them.
	// Zero: no limit.
	RegisterRate int
	// Quarantine are sources whose new work is dropped, in every mode.
	Quarantine []Quarantined
	// SourceWindow is the time over which what each source begins is counted, in
	// steps of a second. Zero: 10 s.
	SourceWindow time.Duration
	// Refusals is the rule table; nil means that of the Config.
	Refusals []Refusal
	// Parts are those who are refused on transports whose rule is Open; they count
	// only there.
	Parts map[fleet.Transport][]Part
	// Services and Tenants say who is in which part, by the SIP domain. A domain
	// that is in neither is in no part.
	Services []fleet.ServiceID
	Tenants  *fleet.Tenants
}

// clone returns a copy that shares nothing with p.
func (p Policy) clone() Policy {
	out := p
	out.Rules = make(map[fleet.Transport]Rule, len(p.Rules))
	for t, r := range p.Rules {
		out.Rules[t] = r
	}
	out.Upstreams = make(map[fleet.Transport][]netip.AddrPort, len(p.Upstreams))
	for t, a := range p.Upstreams {
		out.Upstreams[t] = slices.Clone(a)
	}
	out.Emergency = slices.Clone(p.Emergency)
	out.EmergencyRedirect = slices.Clone(p.EmergencyRedirect)
	out.Redirects = make(map[fleet.Transport][]string, len(p.Redirects))
	for t, uris := range p.Redirects {
		out.Redirects[t] = slices.Clone(uris)
	}
	out.Quarantine = slices.Clone(p.Quarantine)
	out.Refusals = slices.Clone(p.Refusals)
	out.Parts = make(map[fleet.Transport][]Part, len(p.Parts))
	for t, parts := range p.Parts {
		out.Parts[t] = slices.Clone(parts)
	}
	out.Services = slices.Clone(p.Services)
	return out
}

// Retry-After when a policy names none, in seconds: a bare 503 lost a phone
// for good, 5 s moved it.
const (
	defaultRetryMin = 5
	defaultRetryMax = 10
)

// ruleset is a Policy made ready for the packet path; it is never changed.
type ruleset struct {
	policy       Policy
	transports   [fleet.WSS + 1]transportRules
	emergency    map[string]bool
	sosNumber    string    // what an emergency call without a number is dialled as elsewhere
	redirect     []contact // for emergency calls
	refusals     [fleet.WSS + 1][]refusalRow
	registerRate int
	jail         *jail // nil when nobody is in quarantine
	retryMin     uint64
	retrySpan    uint64 // number of values between min and max
	domains      domains
}

type transportRules struct {
	Rule
	upstreams []netip.AddrPort
	redirect  []contact
	// tail is what every 503 ends with: Reason and Warning lines.
	tail string
	// parts are by service; nil where the rule is the same for all.
	parts map[fleet.ServiceID][]partRules
}

func compile(p Policy, site fleet.SiteID) *ruleset {
	p = p.clone()
	rs := &ruleset{policy: p, emergency: map[string]bool{}}
	rs.registerRate = p.RegisterRate
	lo, hi := p.RetryAfterMin, p.RetryAfterMax
	if lo <= 0 {
		lo = defaultRetryMin
		if hi <= 0 {
			hi = defaultRetryMax
		}
	}
	rs.retryMin, rs.retrySpan = uint64(lo), uint64(max(hi, lo)-lo+1)
	for _, t := range fleet.Transports {
		tr := &rs.transports[t]
		tr.Rule = p.Rules[t]
		for _, a := range p.Upstreams[t] {
			tr.upstreams = append(tr.upstreams, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
		}
		tr.redirect = compileContacts(p.Redirects[t])
		tr.tail = refusalTail(tr.Reason, site)
		tr.parts = tr.compileParts(p.Parts[t], site)
		if tr.parts != nil {
			rs.domains = newDomains(p)
		}
	}
	for _, n := range p.Emergency {
		if n = string(dialled(nil, []byte(n))); n == "" {
			continue
		}
		rs.emergency[n] = true
		if rs.sosNumber == "" {
			rs.sosNumber = n
		}
	}
	rs.redirect = compileContacts(p.EmergencyRedirect)
	rs.refusals = compileRefusals(p.Refusals)
	return rs
}

// refusing are the transports on which new work is refused, of everyone or of
// some.
func (rs *ruleset) refusing() []fleet.Transport {
	var out []fleet.Transport
	for _, t := range fleet.Transports {
		if rs.transports[t].Mode != Open || rs.transports[t].parts != nil {
			out = append(out, t)
		}
	}
	return out
}

// refusalTail says why in words: Reason (RFC 3326) for machines, Warning
// (RFC 3261 §20.43) for the log of a phone.
func refusalTail(reason string, site fleet.SiteID) string {
	if reason = clean(reason); reason == "" {
		return ""
	}
	return fmt.Sprintf("Reason: SIP;cause=503;text=\"%s\"\r\nWarning: 399 %s \"%s\"\r\n", reason, site, reason)
}

// clean leaves out what could end a quoted string, a URI in brackets or a line.
func clean(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		if c := s[i]; c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' {
			out = append(out, c)
		}
	}
	return string(out)
}
