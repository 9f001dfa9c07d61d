package probes_test

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/options"
	"github.com/sipsteer/sipsteer/probes/register"
	"github.com/sipsteer/sipsteer/probes/tlscheck"
)

// patient are probers of every kind that a softswitch is asked with.
func patient() map[health.Kind]probes.Prober {
	return map[health.Kind]probes.Prober{
		health.Options: options.New(options.Config{}), health.TLS: tlscheck.New(tlscheck.Config{}), health.Register: register.New(register.Config{}),
	}
}

// TestDroppedByAFirewall: a firewall that says nothing looks like a softswitch that
// hangs, over every transport and for every kind; when it lets packets pass again,
// all is well at once.
func TestDroppedByAFirewall(t *testing.T) {
	if !loopbacktest.InNamespace(t, "ip", "nft") {
		return
	}
	mustRun(t, "ip", "link", "set", "lo", "up")
	const domain = "west.voice.example.net"
	ca := wiretest.NewAuthority(t)
	plain, secure, _ := kamailio(t, ca, domain)
	all := patient()
	specs := kamailioSpecs(plain, secure, domain, ca.Pool())
	for _, s := range specs {
		if p := all[s.Check.Kind]; p != nil {
			ready(t, p, s)
		}
	}
	mustRun(t, "nft", "add", "table", "inet", "firewall")
	mustRun(t, "nft", "add", "chain", "inet", "firewall", "in", "{ type filter hook input priority 0 ; }")
	for _, rule := range [][]string{{"udp", "dport", "5060", "drop"}, {"tcp", "dport", "{ 5060, 5061 }", "drop"}} {
		mustRun(t, "nft", append([]string{"add", "rule", "inet", "firewall", "in"}, rule...)...)
	}
	for _, s := range specs {
		p := all[s.Check.Kind]
		if p == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		res := p.Probe(ctx, s)
		cancel()
		if res.Outcome != health.Failure || res.Cause != health.CauseTimeout {
			t.Errorf("%s behind the firewall: %+v", s.Check, res)
		}
	}
	mustRun(t, "nft", "delete", "table", "inet", "firewall")
	for _, s := range specs {
		if p := all[s.Check.Kind]; p != nil {
			ready(t, p, s)
		}
	}
}

// TestPasswordsChangedUnderKamailio: the subscribers' passwords become others while
// the registrar runs, as after an import that reset every key. OPTIONS and the
// handshake stay well; the login says what is wrong, over every transport.
func TestPasswordsChangedUnderKamailio(t *testing.T) {
	kamcmd, err := exec.LookPath("kamcmd")
	if err != nil {
		t.Skip("kamcmd is not installed (Debian: kamailio)")
	}
	const domain = "west.voice.example.net"
	ca := wiretest.NewAuthority(t)
	plain, secure, _, control := controlled(t, ca, domain)
	all := patient()
	specs := kamailioSpecs(plain, secure, domain, ca.Pool())
	for _, s := range specs {
		if p := all[s.Check.Kind]; p != nil {
			ready(t, p, s)
		}
	}
	ask := func(wanted func(probes.Spec, probes.Result) bool) {
		t.Helper()
		for _, s := range specs {
			p := all[s.Check.Kind]
			if p == nil {
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			if res := p.Probe(ctx, s); !wanted(s, res) {
				t.Errorf("%s: %+v", s.Check, res)
			}
			cancel()
		}
	}
	mustRun(t, kamcmd, "-s", "unix:"+control, "cfg.set_now_string", "subscribers", "password", "another")
	logins := 0
	ask(func(s probes.Spec, res probes.Result) bool {
		if s.Check.Kind != health.Register {
			return res.Outcome == health.Success
		}
		logins++
		return res.Outcome == health.Failure && res.Cause == health.CauseAuth
	})
	if logins != len([]fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS}) {
		t.Errorf("%d logins were tried", logins)
	}
	mustRun(t, kamcmd, "-s", "unix:"+control, "cfg.set_now_string", "subscribers", "password", "right")
	ask(func(_ probes.Spec, res probes.Result) bool { return res.Outcome == health.Success })
}

func mustRun(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}
