// Package tlscheck asks a TLS listener for a handshake and judges the
// certificate it shows, as a phone that follows RFC 5922 would. It does not
// speak SIP: a listener that fails here fails every phone before SIP begins.
package tlscheck

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Config of a Prober. The zero value is usable.
type Config struct {
	// ClockTolerance is by how much our clock or the issuer's may be wrong
	// before a certificate counts as expired or not yet valid. Default 5 min.
	ClockTolerance time.Duration
	// AllowWildcards accepts a certificate for *.example.net at a.example.net.
	// RFC 5922 §7.2 forbids it, but many phones do it. A WebSocket is opened as
	// browsers do, where they count in any case (RFC 7118 §8, RFC 9110 §4.3.4).
	AllowWildcards bool
}

// Prober checks handshakes and certificates.
type Prober struct{ cfg Config }

// New returns a prober.
func New(cfg Config) *Prober {
	if cfg.ClockTolerance <= 0 {
		cfg.ClockTolerance = 5 * time.Minute
	}
	return &Prober{cfg: cfg}
}

// Probe implements probes.Prober. The handshake is finished whatever the
// certificate, and the certificate is judged afterwards: so its fault is known
// in full, and the softswitch's log is not filled with alerts.
func (p *Prober) Probe(ctx context.Context, spec probes.Spec) probes.Result {
	start := time.Now()
	conn, fault := wire.DialTCP(ctx, spec.Address)
	if fault != nil {
		return probes.Failed(fault.Cause, fault.Detail)
	}
	tc, fault := wire.Handshake(ctx, conn, wire.TLSConfig(spec.ServerName))
	if fault != nil {
		return probes.Failed(fault.Cause, fault.Detail)
	}
	rtt := time.Since(start)
	state := tc.ConnectionState()
	_ = tc.Close()

	faults := p.judge(state.PeerCertificates, state.OCSPResponse, spec, start)
	if len(faults) == 0 {
		leaf := state.PeerCertificates[0]
		res := probes.Succeeded(rtt, fmt.Sprintf("%s, %s, certificate valid until %s%s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite),
			leaf.NotAfter.UTC().Format(time.DateOnly), stapleText(leaf, state.PeerCertificates, state.OCSPResponse, start)))
		res.Ends = ends(state.PeerCertificates)
		return res
	}
	texts := make([]string, len(faults))
	for i, f := range faults {
		texts[i] = f.text
	}
	return probes.Result{
		Outcome: health.Failure, Cause: faults[0].cause, Detail: strings.Join(texts, "; "), RTT: rtt,
		Certificate: fingerprint(state.PeerCertificates), Ends: ends(state.PeerCertificates),
	}
}

// ends is when the first certificate of a chain does. A root among them is not looked
// at: clients have their own copy of it.
func ends(certs []*x509.Certificate) probes.Ending {
	var first probes.Ending
	for i, c := range certs {
		if i == 0 || !bytes.Equal(c.RawIssuer, c.RawSubject) {
			first = first.Sooner(probes.Ending{At: c.NotAfter, Of: strings.Trim(subject(c), `"`)})
		}
	}
	return first
}

// fingerprint names the certificate that was shown.
func fingerprint(certs []*x509.Certificate) string {
	if len(certs) == 0 {
		return ""
	}
	sum := sha256.Sum256(certs[0].Raw)
	return hex.EncodeToString(sum[:])
}
