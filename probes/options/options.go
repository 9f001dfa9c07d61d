// Package options asks a softswitch with SIP OPTIONS (RFC 3261 §11) over udp,
// tcp or tls whether it answers at all. It does not judge certificates: package
// tlscheck does.
package options

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/uac"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Config of a Prober. The zero value is usable.
type Config struct {
	// UserAgent is named in the request, so that a softswitch's operator can
	// tell who asks. Default "sipsteer".
	UserAgent string
	// User is the user part of From. Default "sipsteer".
	User string
}

// Prober asks with OPTIONS.
type Prober struct {
	cfg   Config
	asker *uac.Exchanger
}

// New returns a prober.
func New(cfg Config) *Prober {
	if cfg.UserAgent == "" {
		cfg.UserAgent = "sipsteer"
	}
	if cfg.User == "" {
		cfg.User = "sipsteer"
	}
	return &Prober{cfg: cfg, asker: uac.NewExchanger()}
}

// Probe implements probes.Prober. It uses a new socket each time, so that what
// it finds is what a phone that comes now would find, and no late answer to an
// earlier question can be taken for this one's. Any answer with status 200 or
// one of spec.ExpectStatus is a success.
func (p *Prober) Probe(ctx context.Context, spec probes.Spec) probes.Result {
	start := time.Now()
	transport := spec.Check.Transport
	conn, fault := wire.Dial(ctx, spec.Peer())
	if fault != nil {
		return probes.Failed(fault.Cause, fault.Detail)
	}
	defer conn.Close()

	domain := spec.ServerName
	if domain == "" {
		domain = spec.Address.Addr().String()
	}
	req := uac.New(uac.Dialogless{
		Method: sip.OPTIONS, Transport: transport, Local: conn.LocalAddr(),
		// The address, not the domain: it is this softswitch that is asked, and
		// it must not relay the question (RFC 3261 §11.1).
		Recipient: uac.AddressURI("", transport, spec.Address),
		From:      sip.Uri{Scheme: "sip", User: p.cfg.User, Host: domain},
		To:        sip.Uri{Scheme: "sip", Host: domain},
		UserAgent: p.cfg.UserAgent, MaxForwards: spec.Question.MaxForwards,
	})
	req.AppendHeader(sip.NewHeader("Accept", "application/sdp"))
	res, fault := p.asker.Exchange(ctx, conn, req)
	if fault != nil {
		return probes.Failed(fault.Cause, fault.Detail)
	}
	status := fmt.Sprintf("%d %s", res.StatusCode, wire.Clean(res.Reason))
	if res.StatusCode != sip.StatusOK && !slices.Contains(spec.ExpectStatus, res.StatusCode) {
		r := probes.Failed(health.CauseStatus, "answered "+status)
		r.RTT = time.Since(start)
		return r
	}
	return probes.Succeeded(time.Since(start), status)
}
