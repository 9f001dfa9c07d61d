//go:build unix

package tlscheck_test

import (
	"context"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/tlscheck"
)

// TestAgainstOpenSSL: another TLS stack, with a certificate by name, stopped, and
// one that wants what we do not have.
func TestAgainstOpenSSL(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	mine, mineKey := wiretest.WritePEM(t, t.TempDir(), ca.Config(wiretest.Leaf{DNS: []string{domain}}))
	host, hostKey := wiretest.WritePEM(t, t.TempDir(), ca.Config(wiretest.Leaf{DNS: []string{"host17.example.net"}}))
	addr, signal := wiretest.SServer(t, "-cert", host, "-key", hostKey, "-servername", domain, "-cert2", mine, "-key2", mineKey)
	demanding, _ := wiretest.SServer(t, "-cert", mine, "-key", mineKey, "-Verify", "1", "-verify_return_error", "-tls1_2")
	ask := func(addr netip.AddrPort, name string, timeout time.Duration) probes.Result {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		return tlscheck.New(tlscheck.Config{}).Probe(ctx, probes.Spec{
			Check:   health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: fleet.TLS}, Kind: health.TLS},
			Address: addr, ServerName: name, Roots: ca.Pool(),
		})
	}
	if got := ask(addr, domain, time.Minute); got.Outcome != health.Success || !strings.Contains(got.Detail, "TLS 1.3") {
		t.Errorf("by its name: %+v", got)
	}
	if got := ask(addr, "acme.example.net", time.Minute); got.Cause != health.CauseCertName || !strings.Contains(got.Detail, "host17.example.net") {
		t.Errorf("by a name that it does not have: %+v", got)
	}
	if got := ask(demanding, domain, time.Minute); got.Cause != health.CauseTLSRefused {
		t.Errorf("one that wants a certificate of ours: %+v", got)
	}
	signal(syscall.SIGSTOP)
	if got := ask(addr, domain, time.Second); got.Cause != health.CauseTLSHang {
		t.Errorf("stopped: %+v", got)
	}
	signal(syscall.SIGCONT)
	if got := ask(addr, domain, time.Minute); got.Outcome != health.Success {
		t.Errorf("going on: %+v", got)
	}
}
