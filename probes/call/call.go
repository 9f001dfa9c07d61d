// Package call places a call as a subscriber does, to an echo or an announcement,
// or to another subscriber of ours at another site, listens whether audio goes
// both ways, and hangs up. It sees what logins do not: that calls are refused,
// that nobody is found, that nothing is heard.
package call

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/uac"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Config of a Prober. The zero value is usable.
type Config struct {
	// UserAgent is named in the requests. Default "sipsteer".
	UserAgent string
	// AtOnce is how many calls this agent has up at a time; what comes beside is
	// no data. Default 4.
	AtOnce int
}

// Prober places calls.
type Prober struct {
	cfg    Config
	places chan struct{}
}

// New returns a prober.
func New(cfg Config) *Prober {
	cfg.UserAgent = cmp.Or(cfg.UserAgent, "sipsteer")
	if cfg.AtOnce <= 0 {
		cfg.AtOnce = 4
	}
	return &Prober{cfg: cfg, places: make(chan struct{}, cfg.AtOnce)}
}

// farewell is the part of the timeout that is kept for hanging up: one in four.
const farewell = 4

// Probe implements probes.Prober. A call that is up when ctx ends is hung up
// nevertheless; the answer to that BYE is not waited for.
//
// The causes, beside those of the connection: CauseTimeout, nobody answers;
// CauseAuth; CauseUnavailable; CauseStatus, refused; CauseNoAudio, CauseOneWay,
// CauseAudioLoss; CauseBinding, our callee was logged in and not called.
func (p *Prober) Probe(ctx context.Context, spec probes.Spec) probes.Result {
	start := time.Now()
	a := attempt{spec: spec, q: spec.Question.Call, agent: p.cfg.UserAgent, domain: cmp.Or(spec.Login.Domain, spec.ServerName)}
	switch {
	case spec.Login.User == "" || a.domain == "":
		return probes.Failed(health.CauseLocal, "no subscriber or no domain to call from")
	case spec.Login.Password == "":
		return probes.Failed(health.CauseLocal, "this agent does not have the password of "+wire.Clean(spec.Login.User))
	case a.q.Callee.Address.IsValid() && a.q.Callee.Login.Password == "":
		return probes.Failed(health.CauseLocal, "this agent does not have the password of "+wire.Clean(a.q.Callee.Login.User))
	}
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	default:
		return probes.Failed(health.CauseLocal, "as many test calls are up as may be")
	}
	detail, fault := a.run(ctx)
	if fault != nil {
		return probes.Failed(fault.Cause, fault.Detail)
	}
	return probes.Succeeded(time.Since(start), detail)
}

// attempt is one call.
type attempt struct {
	spec   probes.Spec
	q      probes.Call
	agent  string
	domain string
	ear    *ear // nil when no audio is wanted
	setup  time.Duration
}

func (a *attempt) run(end context.Context) (string, *wire.Fault) {
	ctx, cancel := beforeFarewell(end)
	defer cancel()
	var callee *callee
	if a.q.Callee.Address.IsValid() {
		var fault *wire.Fault
		if callee, fault = a.logIn(ctx); fault != nil {
			return "", fault
		}
		defer callee.leave(end)
	}
	conn, fault := wire.Dial(ctx, a.spec.Peer())
	if fault != nil {
		return "", fault
	}
	defer conn.Close()
	local := addressOf(conn)
	var listening sync.WaitGroup
	defer listening.Wait()
	at := netip.AddrPortFrom(local, 9) // discard: no audio is wanted
	if a.q.Audio != fleet.AudioNone {
		ear, err := openEar(local)
		if err != nil {
			return "", wire.Classify("open socket for audio", err)
		}
		defer ear.close()
		listening.Go(ear.listen)
		a.ear, at = ear, ear.address()
	}
	body, err := offer(at)
	if err != nil {
		return "", &wire.Fault{Cause: health.CauseLocal, Detail: "describe the audio: " + wire.Clean(err.Error())}
	}
	return a.place(ctx, end, conn, body, callee)
}

// beforeFarewell ends when a call must be given up, so that time is left to hang
// up.
func beforeFarewell(end context.Context) (context.Context, context.CancelFunc) {
	last, ok := end.Deadline()
	if !ok {
		return context.WithCancel(end)
	}
	return context.WithDeadline(end, last.Add(-time.Until(last)/farewell))
}

func (a *attempt) place(ctx, end context.Context, conn net.Conn, body []byte, callee *callee) (string, *wire.Fault) {
	start := time.Now()
	to := a.called(callee)
	call, fault := uac.Invite(ctx, end, conn, uac.Dialogless{
		Transport: a.spec.Check.Transport, Local: conn.LocalAddr(), Recipient: to,
		From: sip.Uri{Scheme: "sip", User: a.spec.Login.User, Host: a.domain}, To: to, UserAgent: a.agent,
	}, &uac.Auth{User: a.spec.Login.User, Password: a.spec.Login.Password}, body)
	if fault != nil {
		if callee != nil && !callee.wasCalled() && fault.Cause != health.CauseLocal {
			fault.Detail += fmt.Sprintf("; our subscriber at %s was not called", a.q.Callee.Site)
			if fault.Cause == health.CauseTimeout {
				fault.Cause = health.CauseBinding
			}
		}
		return "", fault
	}
	a.setup = time.Since(start)
	detail, fault := a.talk(ctx, call, callee)
	if bye := call.Bye(end); bye != nil && fault == nil && end.Err() == nil {
		fault = &wire.Fault{Cause: bye.Cause, Detail: "the call went well, but cannot be ended: " + bye.Detail}
	}
	return detail, fault
}

// called is the number as the caller dials it.
func (a *attempt) called(callee *callee) sip.Uri {
	if callee != nil {
		return sip.Uri{Scheme: "sip", User: a.q.Callee.Login.User, Host: cmp.Or(a.q.Callee.Login.Domain, a.domain)}
	}
	user, domain, ok := strings.Cut(a.q.To, "@")
	if !ok {
		domain = a.domain
	}
	return sip.Uri{Scheme: "sip", User: user, Host: domain}
}

func addressOf(conn net.Conn) netip.Addr {
	switch l := conn.LocalAddr().(type) {
	case *net.UDPAddr:
		return l.AddrPort().Addr().Unmap()
	case *net.TCPAddr:
		return l.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
