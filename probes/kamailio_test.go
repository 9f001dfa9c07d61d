//go:build unix

package probes_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/options"
	"github.com/sipsteer/sipsteer/probes/register"
	"github.com/sipsteer/sipsteer/probes/standing"
	"github.com/sipsteer/sipsteer/probes/tlscheck"
)

const kamailioConfig = `#!KAMAILIO
debug=0
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
enable_tls=yes
listen=udp:%[1]s
listen=tcp:%[1]s
listen=tls:%[2]s
loadmodule "sl.so"
loadmodule "tls.so"
loadmodule "pv.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "ctl.so"
loadmodule "cfg_rpc.so"
subscribers.password = "right" desc "of all of them"
modparam("ctl", "binrpc", "unix:%[5]s")
modparam("tls", "certificate", "%[3]s")
modparam("tls", "private_key", "%[4]s")
modparam("tls", "verify_certificate", 0)
modparam("tls", "tls_method", "TLSv1.2+")
request_route {
	if (method == "REGISTER") {
		if (!pv_www_authenticate("west.voice.example.net", "$sel(cfg_get.subscribers.password)", "0")) {
			www_challenge("west.voice.example.net", "1");
			exit;
		}
		save("location");
		exit;
	}
	if (method == "OPTIONS") {
		sl_send_reply("200", "OK");
		exit;
	}
	sl_send_reply("404", "Not Found");
}
`

// kamailio starts a Kamailio that answers OPTIONS over all three transports and
// returns its addresses and what sends a signal to it and its children.
func kamailio(t *testing.T, ca *wiretest.Authority, domain string) (plain, secure netip.AddrPort, signal func(syscall.Signal)) {
	t.Helper()
	plain, secure, signal, _ = controlled(t, ca, domain)
	return plain, secure, signal
}

// controlled is kamailio with the socket by which it takes commands.
func controlled(t *testing.T, ca *wiretest.Authority, domain string) (plain, secure netip.AddrPort, signal func(syscall.Signal), control string) {
	t.Helper()
	binary, err := exec.LookPath("kamailio")
	if err != nil {
		if _, err = os.Stat("/usr/sbin/kamailio"); err != nil {
			t.Skip("kamailio is not installed (Debian: kamailio, kamailio-tls-modules)")
		}
		binary = "/usr/sbin/kamailio"
	}
	own := loopbacktest.Address(t, 5060, 5061)
	plain, secure = netip.AddrPortFrom(own, 5060), netip.AddrPortFrom(own, 5061)
	dir := t.TempDir()
	cert, key := wiretest.WritePEM(t, dir, ca.Config(wiretest.Leaf{DNS: []string{domain}}))
	file := filepath.Join(dir, "kamailio.cfg")
	control = filepath.Join(dir, "ctl")
	if err := os.WriteFile(file, fmt.Appendf(nil, kamailioConfig, plain, secure, cert, key, control), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(binary, "-f", file, "-DD", "-E", "-m", "16", "-M", "4", "-Y", dir, "-w", dir)
	cmd.Stdout, cmd.Stderr = &log, &log
	// A group of its own: its children end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Skipf("kamailio does not start: %v", err)
	}
	signal = func(s syscall.Signal) { _ = syscall.Kill(-cmd.Process.Pid, s) }
	t.Cleanup(func() {
		signal(syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("kamailio said:\n%s", log.String())
		}
	})
	return plain, secure, signal, control
}

func TestAgainstKamailio(t *testing.T) {
	for _, tt := range []struct {
		name   string
		signal syscall.Signal
		causes []health.Cause
	}{
		{"killed", syscall.SIGKILL, []health.Cause{health.CauseRefused}},
		{"stopped: sockets open, no answer", syscall.SIGSTOP, []health.Cause{health.CauseTimeout, health.CauseTLSHang}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const domain = "west.voice.example.net"
			ca := wiretest.NewAuthority(t)
			plain, secure, signal := kamailio(t, ca, domain)
			opinions := make(chan health.Opinion, 100)
			cfg := probes.Config{
				Observer: "calgary-1", Interval: time.Second, Timeout: 400 * time.Millisecond, Burst: 150 * time.Millisecond,
				Thresholds: health.Thresholds{Fall: 3, Reset: 6, Rise: 2},
				Probers: map[health.Kind]probes.Prober{
					health.Options:  options.New(options.Config{}),
					health.TLS:      tlscheck.New(tlscheck.Config{}),
					health.Register: register.New(register.Config{}),
				},
				Watchers:  map[health.Kind]probes.Watcher{health.Standing: standing.New(standing.Config{Interval: time.Second})},
				OnOpinion: func(o health.Opinion) { opinions <- o },
			}
			r, err := probes.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			specs := kamailioSpecs(plain, secure, domain, ca.Pool())
			if err := r.SetSpecs(specs); err != nil {
				t.Fatal(err)
			}
			// Failures from before it listens would count later.
			ready(t, cfg.Probers[health.TLS], specs[3])
			r.Start()
			defer r.Stop(context.Background())

			await(t, r, opinions, health.Up)
			start := time.Now()
			signal(tt.signal)
			await(t, r, opinions, health.Down)
			t.Logf("down after %s", time.Since(start).Round(time.Millisecond))
			for _, o := range r.Opinions() {
				if !slices.Contains(tt.causes, o.Cause) {
					t.Errorf("%s: %s (%s), want %v", o.Check, o.Cause, o.Detail, tt.causes)
				}
			}
		})
	}
}

func kamailioSpecs(plain, secure netip.AddrPort, domain string, roots *x509.CertPool) []probes.Spec {
	checks := checksOf("calgary")
	for _, c := range checks[:3] { // over udp, tcp and tls
		c.Kind = health.Register
		checks = append(checks, c)
	}
	var specs []probes.Spec
	for _, c := range checks {
		s := probes.Spec{
			Check: c, Address: plain, ServerName: domain, Roots: roots,
			Login: probes.Login{User: "canary", Password: "right"},
		}
		if c.Transport == fleet.TLS {
			s.Address = secure
		}
		specs = append(specs, s)
	}
	return specs
}

// ready waits until the probe succeeds.
func ready(t *testing.T, p probes.Prober, s probes.Spec) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		res := p.Probe(ctx, s)
		if res.Outcome == health.Success {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("kamailio does not listen: %+v", res)
		}
	}
}

// await waits until all opinions are as wanted.
func await(t *testing.T, r *probes.Runner, opinions <-chan health.Opinion, want health.Status) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for !are(r, want, all) {
		select {
		case <-opinions:
		case <-limit:
			for _, o := range r.Opinions() {
				t.Logf("%s: %s, %s, %v", o.Check, o.Status, o.Detail, r.Recent(o.Check))
			}
			t.Fatalf("not %s after 30 s", want)
		}
	}
}
