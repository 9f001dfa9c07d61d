// Package http asks one question over HTTP or HTTPS. It follows no redirect, so
// that a web server that went astray cannot send the agent elsewhere.
package http

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
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
	req, fault := request(ctx, spec)
	if fault != nil {
		return probes.Failed(fault.Cause, fault.Detail)
	}
	transport := &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig: &tls.Config{ServerName: spec.ServerName, RootCAs: spec.Roots},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", spec.Address.String())
			if err != nil {
				return nil, err
			}
			return wire.Tap(ctx, conn), nil
		},
	}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		return failed(ctx, err)
	}
	defer res.Body.Close()
	good := spec.Question.Status
	if len(good) == 0 {
		good = []int{http.StatusOK}
	}
	if !slices.Contains(good, res.StatusCode) {
		r := probes.Failed(health.CauseStatus, "answered "+wire.Clean(res.Status))
		r.RTT = time.Since(start)
		return r
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return failed(ctx, err)
	}
	if !bytes.Contains(body, []byte(spec.Question.Contains)) {
		return probes.Failed(health.CauseContent, fmt.Sprintf("answered %s without the text that should be in it", wire.Clean(res.Status)))
	}
	return probes.Succeeded(time.Since(start), wire.Clean(res.Status))
}

func request(ctx context.Context, spec probes.Spec) (*http.Request, *wire.Fault) {
	scheme, path := "http", spec.Question.Path
	if spec.Question.Secure {
		scheme = "https"
	}
	if path == "" {
		path = "/"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+spec.Address.String()+path, nil)
	if err != nil {
		return nil, wire.Classify("ask", err)
	}
	req.Header.Set("User-Agent", "sipsteer")
	if spec.ServerName != "" {
		req.Host = spec.ServerName
	}
	return req, nil
}

func failed(ctx context.Context, err error) probes.Result {
	var invalid *tls.CertificateVerificationError
	if errors.As(err, &invalid) {
		return probes.Failed(health.CauseCertUntrust, "TLS: "+wire.Clean(err.Error()))
	}
	f := wire.Classify("ask", err)
	// What net/http cannot read is the server's fault; the errors that are ours
	// come from the kernel.
	var local *net.OpError
	if f.Cause == health.CauseLocal && ctx.Err() == nil && !errors.As(err, &local) {
		f.Cause = health.CauseMalformed
	}
	return probes.Failed(f.Cause, f.Detail)
}
