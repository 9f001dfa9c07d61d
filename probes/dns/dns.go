// Package dns asks a name server one question, as a phone's resolver would, and
// looks at whether the answer is there. It does not resolve, but may ask a resolver.
package dns

import (
	"context"
	"fmt"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Prober asks name servers.
type Prober struct{}

// New returns a prober.
func New() *Prober { return &Prober{} }

// Probe implements probes.Prober, over UDP or TCP as the check's transport
// says. The answer must be authoritative, unless a resolver is asked, without error
// and not empty (CauseStatus), and hold Question.Contains in one of its records
// (CauseContent).
func (p *Prober) Probe(ctx context.Context, spec probes.Spec) probes.Result {
	start := time.Now()
	q := new(mdns.Msg)
	q.SetQuestion(spec.Question.Name, mdns.StringToType[spec.Question.Type])
	q.RecursionDesired = spec.Question.Resolver
	res, fault := ask(ctx, spec, q)
	if fault != nil {
		return probes.Failed(fault.Cause, fault.Detail)
	}
	what := fmt.Sprintf("%s %s", wire.Clean(spec.Question.Name), spec.Question.Type)
	switch {
	case res.Rcode != mdns.RcodeSuccess:
		return probes.Failed(health.CauseStatus, fmt.Sprintf("%s: %s", what, mdns.RcodeToString[res.Rcode]))
	case !res.Authoritative && !spec.Question.Resolver:
		return probes.Failed(health.CauseStatus, what+": the answer is not authoritative")
	case len(res.Answer) == 0:
		return probes.Failed(health.CauseStatus, what+": an empty answer")
	}
	for _, rr := range res.Answer {
		if strings.Contains(strings.ToLower(rr.String()), strings.ToLower(spec.Question.Contains)) {
			return probes.Succeeded(time.Since(start), fmt.Sprintf("%s: %d records", what, len(res.Answer)))
		}
	}
	return probes.Failed(health.CauseContent, fmt.Sprintf("%s: no record holds what should be in one: %s", what, wire.Clean(res.Answer[0].String())))
}

// ask sends the question and waits past what is not its answer.
func ask(ctx context.Context, spec probes.Spec, q *mdns.Msg) (*mdns.Msg, *wire.Fault) {
	transport := fleet.TCP
	if spec.Check.Transport == fleet.UDP {
		transport = fleet.UDP
	}
	raw, fault := wire.Dial(ctx, wire.Peer{Transport: transport, Address: spec.Address})
	if fault != nil {
		return nil, fault
	}
	conn := &mdns.Conn{Conn: raw, UDPSize: mdns.MaxMsgSize}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := conn.WriteMsg(q); err != nil {
		return nil, wire.Classify("send", err)
	}
	var odd string
	for {
		res, err := conn.ReadMsg()
		if err == nil && res.Id == q.Id && res.Response && len(res.Question) == 1 && same(res.Question[0], q.Question[0]) {
			return res, nil
		}
		switch {
		case ctx.Err() != nil && odd != "":
			return nil, &wire.Fault{Cause: health.CauseMalformed, Detail: odd}
		case ctx.Err() != nil:
			return nil, &wire.Fault{Cause: health.CauseTimeout, Detail: "wait for the answer: no answer in time"}
		case err == nil:
			odd = "an answer to another question"
		default:
			f := wire.Classify("wait for the answer", err)
			if f.Cause != health.CauseLocal {
				return nil, f
			}
			odd = "not DNS: " + wire.Clean(err.Error())
		}
	}
}

func same(a, b mdns.Question) bool {
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && strings.EqualFold(a.Name, b.Name)
}
