// Package register logs in to a softswitch as a test subscriber and takes the
// login back: REGISTER, challenge, digest, the stored Contact, removal (RFC
// 3261 §10, §22). It sees what OPTIONS does not: a registrar that has lost its
// database, its keys or its mind. It does not place calls.
package register

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/uac"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Config of a Prober. The zero value is usable.
type Config struct {
	// UserAgent is named in the requests. Default "sipsteer".
	UserAgent string
	// Expires is how long the binding would last if its removal were lost.
	// Some registrars refuse short ones with 423. Default 60 s.
	Expires time.Duration
}

// Prober logs in.
type Prober struct {
	cfg   Config
	asker *uac.Exchanger
}

// New returns a prober.
func New(cfg Config) *Prober {
	if cfg.UserAgent == "" {
		cfg.UserAgent = "sipsteer"
	}
	if cfg.Expires <= 0 {
		cfg.Expires = time.Minute
	}
	return &Prober{cfg: cfg, asker: uac.NewExchanger()}
}

// Probe implements probes.Prober. All of it happens over one connection and
// inside the deadline of ctx. The certificate of a TLS listener is not judged
// here: a digest shows no more to a listener on the path than it does over UDP.
//
// The causes, beside those of the connection: CauseNoLogin, refused before a
// password was asked for; CauseAuth, a right password is not taken;
// CauseUnavailable, 503; CauseStatus, another refusal of a right password;
// CauseBinding, the registrar says yes but does not hold our Contact.
func (p *Prober) Probe(ctx context.Context, spec probes.Spec) probes.Result {
	res, _ := p.Login(ctx, spec)
	return res
}

// Login is Probe, and returns the answer to the login too; nil when there was
// none.
func (p *Prober) Login(ctx context.Context, spec probes.Spec) (probes.Result, *sip.Response) {
	start := time.Now()
	domain := cmp.Or(spec.Login.Domain, spec.ServerName)
	switch {
	case spec.Login.User == "" || domain == "":
		return probes.Failed(health.CauseLocal, "no subscriber or no domain to register at"), nil
	case spec.Login.Password == "":
		return probes.Failed(health.CauseLocal, "this agent does not have the password of "+wire.Clean(spec.Login.User)), nil
	}
	conn, fault := wire.Dial(ctx, spec.Peer())
	if fault != nil {
		return probes.Failed(fault.Cause, fault.Detail), nil
	}
	defer conn.Close()

	aor := sip.Uri{Scheme: "sip", User: spec.Login.User, Host: domain}
	s := &session{
		ctx: ctx, conn: conn, asker: p.asker, auth: uac.Auth{User: spec.Login.User, Password: spec.Login.Password},
		contact: "sipsteer-" + rand.Text(),
	}
	s.req = uac.New(uac.Dialogless{
		Method: sip.REGISTER, Transport: spec.Check.Transport, Local: conn.LocalAddr(),
		Recipient: sip.Uri{Scheme: "sip", Host: domain},
		From:      aor, To: aor, ContactUser: s.contact, UserAgent: p.cfg.UserAgent,
	})
	s.expires(p.cfg.Expires)
	if fault := s.register(); fault != nil {
		return probes.Failed(fault.Cause, fault.Detail), nil
	}
	rtt := time.Since(start)
	detail := "logged in and out"
	if !s.auth.Challenged() {
		detail = "logged in without being asked for a password"
	}
	if fault := s.remove(); fault != nil {
		detail += fmt.Sprintf("; the binding stays for %s: %s", p.cfg.Expires, fault.Detail)
	}
	return probes.Succeeded(rtt, detail), s.accepted
}
