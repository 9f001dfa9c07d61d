package gate

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// Refusal is one row of the rule table that says how new work is refused. An
// empty condition is met by everything; the first row that fits counts, and
// without one the answer is 503.
type Refusal struct {
	// Agent is a pattern for the User-Agent, in any case; "*" stands for any
	// text. A request without User-Agent fits "" and "*" only.
	Agent string
	// Sources are networks that the request comes from.
	Sources []netip.Prefix
	// Methods are the methods it is for.
	Methods []string
	// Transports are those it is for.
	Transports []fleet.Transport
	// Answer is what is done. Close is silence over UDP.
	Answer Answer
}

// maxRefusals bounds the rows: each costs every refused request time.
const maxRefusals = 64

// DefaultRefusals are rows for devices that are known not to move on 503.
// docs/gate.md has the sources.
func DefaultRefusals() []Refusal {
	register, udp := []string{"REGISTER"}, []fleet.Transport{fleet.UDP}
	return []Refusal{
		// Their failure criterion is a time-out or a transport error; a status
		// code is none unless it is configured ("Try Backup RSC" is blank).
		{Agent: "Cisco/SPA*", Methods: register, Transports: udp, Answer: AnswerSilence},
		{Agent: "Linksys/SPA*", Methods: register, Transports: udp, Answer: AnswerSilence},
		// Moved on silence in a carrier's test; the manual names time-outs and
		// ICMP only.
		{Agent: "Polycom*", Methods: register, Transports: udp, Answer: AnswerSilence},
	}
}

// Validate says what is wrong with a row.
func (r Refusal) Validate() error {
	if len(r.Agent) > 128 {
		return errors.New("agent: longer than 128 octets")
	}
	for _, c := range []byte(r.Agent) {
		if c < ' ' || c > '~' {
			return errors.New("agent: only printable ASCII")
		}
	}
	for _, m := range r.Methods {
		if m == "ACK" || m == "CANCEL" || m == "BYE" || m == "PRACK" {
			return fmt.Errorf("methods: %s begins nothing new, so it is never refused", m)
		}
	}
	udpOnly := len(r.Transports) > 0
	for _, t := range r.Transports {
		udpOnly = udpOnly && t == fleet.UDP
	}
	switch {
	case r.Answer == AnswerPass && (len(r.Methods) == 0 || slices.Contains(r.Methods, "REGISTER") || slices.Contains(r.Methods, "INVITE")):
		return errors.New("answer: pass is for named methods other than REGISTER and INVITE; a drain that passes these moves nobody")
	case r.Answer == AnswerClose && udpOnly:
		return errors.New("answer: udp has no connection to close; silence is what is left")
	}
	return nil
}

// refusalRow is a Refusal made ready for the packet path.
type refusalRow struct {
	agent   string // in lower case
	sources []netip.Prefix
	methods []string
	answer  Answer
}

// compileRefusals returns the rows for each transport.
func compileRefusals(rows []Refusal) (out [fleet.WSS + 1][]refusalRow) {
	for _, r := range rows[:min(len(rows), maxRefusals)] {
		row := refusalRow{agent: strings.ToLower(r.Agent), sources: r.Sources, methods: r.Methods, answer: r.Answer}
		for _, t := range fleet.Transports {
			if len(r.Transports) == 0 || slices.Contains(r.Transports, t) {
				out[t] = append(out[t], row)
			}
		}
	}
	return out
}

// refuse finds the row for a request that begins something new.
func (rs *ruleset) refuse(t fleet.Transport, m *sipwire.Message, src netip.Addr) verdict {
	agent, _ := m.Value(sipwire.HeaderUserAgent)
	for i := range rs.refusals[t] {
		r := &rs.refusals[t][i]
		if !r.fits(m, agent, src) {
			continue
		}
		switch {
		case r.answer == AnswerSilence, r.answer == AnswerClose && t == fleet.UDP:
			return verdict{action: Silence}
		case r.answer == AnswerClose:
			return verdict{action: HangUp}
		case r.answer == AnswerPass && rs.transports[t].Mode != Closed && len(rs.transports[t].upstreams) > 0:
			return pass
		case r.answer == AnswerRedirect && len(rs.transports[t].redirect) > 0:
			return verdict{action: Redirect, status: 302, to: rs.transports[t].redirect}
		}
		return unavailable
	}
	return unavailable
}

func (r *refusalRow) fits(m *sipwire.Message, agent []byte, src netip.Addr) bool {
	if len(r.sources) > 0 && !slices.ContainsFunc(r.sources, func(p netip.Prefix) bool { return p.Contains(src) }) {
		return false
	}
	if len(r.methods) > 0 && !slices.ContainsFunc(r.methods, m.Is) {
		return false
	}
	return r.agent == "" || like(agent, r.agent)
}

// like matches text in any case against a pattern in lower case in which "*"
// stands for any text. It looks back to the last star only, so its time is
// bounded by the product of the lengths.
func like(text []byte, pattern string) bool {
	t, p, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == lower(text[t]):
			t++
			p++
		case star >= 0:
			mark++
			t, p = mark, star+1
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
