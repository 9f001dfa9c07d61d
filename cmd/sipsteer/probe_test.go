package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// TestProbesByHand looks at one lab with checks, probe run and parity, before
// and after its keys are reset at one site.
func TestProbesByHand(t *testing.T) {
	l := newLab(t)
	l.loginsUp()
	eventually(t, "every agent sees all up", 60*time.Second, func() bool {
		r := l.run("checks", "--bad")
		return r.code == 0 && len(strings.Split(strings.TrimSpace(r.out), "\n")) == 1
	})
	var agents []api.AgentChecks
	if r := l.must(0, "checks", "--json"); json.Unmarshal([]byte(r.out), &agents) != nil || len(agents) != 3 {
		t.Fatalf("checks: %s", r.out)
	}
	for _, a := range agents {
		for _, c := range a.Checks {
			steers := c.Check.Kind.Base() != health.Storage // what is only shown has no verdict
			if len(c.Recent) == 0 || c.Status != health.Up.String() || steers && c.Verdict != "up" {
				t.Errorf("%s: %s has no evidence or no verdict: %+v", a.Agent, c.Check, c)
			}
		}
	}

	r := l.must(0, "probe", "run", "calgary", "register", "--transport", "tls", "--show-wire")
	if !strings.Contains(r.out, "> REGISTER sip:") || !strings.Contains(r.out, "< SIP/2.0 200 OK") || !strings.Contains(r.out, "TLS handshake done") {
		t.Errorf("probe run:\n%s", r.out)
	}
	if r := l.must(0, "probe", "run", "calgary", "options", "--agent", "ottawa", "--json"); !strings.Contains(r.out, `"agent": "ottawa"`) {
		t.Errorf("by another agent:\n%s", r.out)
	}
	for _, args := range [][]string{{"calgary", "pray"}, {"paris", "options"}, {"calgary", "options", "--agent", "paris"}} {
		if r := l.must(2, append([]string{"probe", "run"}, args...)...); !strings.Contains(r.err, "hint:") {
			t.Errorf("%q: %s", args, r.err)
		}
	}
	if r := l.must(0, "parity"); strings.Count(r.out, "the same") != 3 {
		t.Errorf("parity of equals:\n%s", r.out)
	}
	if r := l.must(2, "parity", "--transport", "wss"); !strings.Contains(r.err, "0 softswitches listen on wss") {
		t.Errorf("parity over what nobody listens on: %s", r.err)
	}

	l.must(0, "lab", "break", "calgary", "auth-reset")
	r = l.must(1, "probe", "run", "calgary", "register", "--transport", "udp", "--show-wire")
	if !strings.Contains(r.out, "BAD auth-rejected") || !strings.Contains(r.out, `response="hidden"`) || !strings.Contains(r.out, "< SIP/2.0 403 Forbidden") {
		t.Errorf("probe run after a reset:\n%s", r.out)
	}
	r = l.must(1, "parity")
	if !strings.Contains(r.out, "auth-rejected: a right password is refused: 403 Forbidden") || !strings.Contains(r.out, "login: 1 difference\n") || !strings.Contains(r.out, "options: the same") || !strings.Contains(r.out, "register: the same") {
		t.Errorf("parity after a reset:\n%s", r.out)
	}
	if !strings.Contains(r.out, "calgary/calgary-1 does not answer now; compared is what it answered at") {
		t.Errorf("parity after a reset forgets what was answered before:\n%s", r.out)
	}
	eventually(t, "checks names it", 30*time.Second, func() bool {
		r := l.must(0, "checks", "--site", "calgary", "--bad")
		return strings.Contains(r.out, "auth-rejected: a right password is refused")
	})
	secret := filepath.Join(l.dir, "secrets", "canary")
	if err := os.Chmod(secret, 0o644); err != nil {
		t.Fatal(err)
	}
	r = l.must(1, "probe", "run", "calgary", "register", "--transport", "udp")
	if !strings.Contains(r.out, "this agent does not have the password of canary: read secret canary: others may read "+secret+" (mode 0644); chmod 0600 it") {
		t.Errorf("with a secret that others may read:\n%s", r.out)
	}
	l.noPassword()
}
