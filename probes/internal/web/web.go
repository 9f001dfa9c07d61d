// Package web asks one question over HTTP, over a connection of its own. It
// knows what is the server's fault and what ours; it judges no answer.
package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Question is one request.
type Question struct {
	Path   string // absolute; empty means /
	Body   []byte // nil asks with GET, else with POST
	Type   string // of Body
	Accept string
	// Most bounds what is read of the answer, in octets.
	Most int64
}

// Answer is what came back.
type Answer struct {
	Status     string // "200 OK"
	StatusCode int
	Type       string // of Body
	Body       []byte
}

// Ask sends the question to spec.Address, whatever the name says, and reads the
// answer; no redirect is followed. Over TLS the certificate is checked for
// spec.ServerName against spec.Roots.
func Ask(ctx context.Context, spec probes.Spec, q Question) (Answer, *wire.Fault) {
	req, fault := request(ctx, spec, q)
	if fault != nil {
		return Answer{}, fault
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
		return Answer{}, failed(ctx, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, q.Most))
	if err != nil {
		return Answer{}, failed(ctx, err)
	}
	return Answer{Status: wire.Clean(res.Status), StatusCode: res.StatusCode, Type: res.Header.Get("Content-Type"), Body: body}, nil
}

func request(ctx context.Context, spec probes.Spec, q Question) (*http.Request, *wire.Fault) {
	scheme, method := "http", http.MethodGet
	if spec.Question.Secure {
		scheme = "https"
	}
	if q.Body != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, scheme+"://"+spec.Address.String()+cmp.Or(q.Path, "/"), bytes.NewReader(q.Body))
	if err != nil {
		return nil, wire.Classify("ask", err)
	}
	req.Header.Set("User-Agent", "sipsteer")
	for name, value := range map[string]string{"Content-Type": q.Type, "Accept": q.Accept} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if spec.ServerName != "" {
		req.Host = spec.ServerName
	}
	return req, nil
}

func failed(ctx context.Context, err error) *wire.Fault {
	var invalid *tls.CertificateVerificationError
	if errors.As(err, &invalid) {
		return &wire.Fault{Cause: health.CauseCertUntrust, Detail: "TLS: " + wire.Clean(err.Error())}
	}
	f := wire.Classify("ask", err)
	// What net/http cannot read is the server's fault; the errors that are ours
	// come from the kernel.
	var local *net.OpError
	if f.Cause == health.CauseLocal && ctx.Err() == nil && !errors.As(err, &local) {
		f.Cause = health.CauseMalformed
	}
	return f
}
