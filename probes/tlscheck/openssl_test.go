//go:build unix

package tlscheck_test

import (
	"bytes"
	"context"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/tlscheck"
)

// printed is what a program said so far.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// sServer starts openssl s_server, which chooses its port, and returns where it
// listens and a way to signal it.
func sServer(t *testing.T, args ...string) (netip.AddrPort, func(syscall.Signal)) {
	t.Helper()
	cmd := exec.Command(wiretest.Program(t, "openssl", "openssl"), append([]string{"s_server", "-accept", "127.0.0.1:0"}, args...)...)
	out := &printed{}
	cmd.Stdout, cmd.Stderr = out, out
	if _, err := cmd.StdinPipe(); err != nil { // at its end the server would leave
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(time.Minute)
	for {
		_, rest, said := strings.Cut(out.String(), "ACCEPT ")
		if line, _, whole := strings.Cut(rest, "\n"); said && whole {
			addr, err := netip.ParseAddrPort(strings.Fields(line)[0])
			if err != nil {
				t.Fatalf("openssl s_server listens at %q: %v", line, err)
			}
			return addr, func(sig syscall.Signal) {
				if err := cmd.Process.Signal(sig); err != nil {
					t.Error(err)
				}
			}
		}
		if time.Now().After(end) {
			t.Fatalf("openssl s_server did not say within a minute where it listens:\n%s", out)
		}
		<-tick.C
	}
}

// TestAgainstOpenSSL: another TLS stack, with a certificate by name, stopped, and
// one that wants what we do not have.
func TestAgainstOpenSSL(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	mine, mineKey := wiretest.WritePEM(t, t.TempDir(), ca.Config(wiretest.Leaf{DNS: []string{domain}}))
	host, hostKey := wiretest.WritePEM(t, t.TempDir(), ca.Config(wiretest.Leaf{DNS: []string{"host17.example.net"}}))
	addr, signal := sServer(t, "-cert", host, "-key", hostKey, "-servername", domain, "-cert2", mine, "-key2", mineKey)
	demanding, _ := sServer(t, "-cert", mine, "-key", mineKey, "-Verify", "1", "-verify_return_error", "-tls1_2")
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
