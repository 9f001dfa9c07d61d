// Package http asks one question over HTTP or HTTPS. It follows no redirect, so
// that a web server that went astray cannot send the agent elsewhere.
package http

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/web"
)

// Prober asks over HTTP.
type Prober struct{}

// New returns a prober.
func New() *Prober { return &Prober{} }

// maxBody bounds what is read of an answer.
const maxBody = 256 << 10

// Probe implements probes.Prober. Each question has a connection of its own,
// to spec.Address whatever the name says. Over TLS the certificate is checked
// for spec.ServerName against spec.Roots.
func (p *Prober) Probe(ctx context.Context, spec probes.Spec) probes.Result {
	start := time.Now()
	answer, fault := web.Ask(ctx, spec, web.Question{Path: spec.Question.Path, Most: maxBody})
	if fault != nil {
		return probes.Failed(fault.Cause, fault.Detail)
	}
	good := spec.Question.Status
	if len(good) == 0 {
		good = []int{http.StatusOK}
	}
	if !slices.Contains(good, answer.StatusCode) {
		r := probes.Failed(health.CauseStatus, "answered "+answer.Status)
		r.RTT = time.Since(start)
		return r
	}
	if !bytes.Contains(answer.Body, []byte(spec.Question.Contains)) {
		return probes.Failed(health.CauseContent, fmt.Sprintf("answered %s without the text that should be in it", answer.Status))
	}
	return probes.Succeeded(time.Since(start), answer.Status)
}
