package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/lab/dnswatch"
)

// labPassword is what the lab writes into secrets/canary.
const labPassword = "only-in-the-lab"

// loginsUp waits until the canary can log in at every site.
func (l *testLab) loginsUp() {
	l.t.Helper()
	eventually(l.t, "every login works", patience, func() bool {
		why := l.run("why", "_sip._udp.west").out
		return strings.Count(why, " register up") >= 3
	})
}

// TestLoginBrokenAtOneSite: OPTIONS and TLS stay green, no phone can log in:
// the site is left, and its gate does not refuse by itself what still works.
func TestLoginBrokenAtOneSite(t *testing.T) {
	l := newLab(t)
	w := l.watch(10*time.Millisecond, westUDP, westTLS)
	l.loginsUp()
	for _, tt := range []struct{ fault, cause string }{{"auth-reset", "auth-rejected"}, {"register-timeout", "timeout"}} {
		l.must(0, "lab", "break", "calgary", tt.fault)
		eventually(t, tt.fault+": calgary is left", patience, func() bool {
			return l.answered(w, westUDP, "vancouver", "ottawa")() && l.answered(w, westTLS, "vancouver", "ottawa")()
		})
		why := l.must(0, "why", "_sip._udp.west").out
		if !strings.Contains(why, " register down") || !strings.Contains(why, tt.cause) || !strings.Contains(why, " options up") {
			t.Errorf("%s: the login is not named:\n%s", tt.fault, why)
		}
		for _, seen := range []string{"what was seen at the last failure", "calgary/calgary-1/udp/register, seen by calgary: " + tt.cause, "sent REGISTER sip:"} {
			if !strings.Contains(why, seen) {
				t.Errorf("%s: the evidence is without %q:\n%s", tt.fault, seen, why)
			}
		}
		if s := l.status().Sites[0]; s.Reflex {
			t.Errorf("%s: the gate closed by itself at a softswitch that answers: %+v", tt.fault, s)
		}
		l.must(0, "lab", "heal", "calgary")
		eventually(t, tt.fault+": failback is accepted", patience, func() bool {
			return l.run("failback", "calgary", "--reason", "mended", "--yes").code == 0
		})
		eventually(t, tt.fault+": calgary is back", patience, func() bool {
			return len(l.status().Sites[0].Out) == 0 && l.answered(w, westUDP, "calgary", "vancouver", "ottawa")()
		})
	}
	l.noPassword()
}

// TestLoginBrokenAtTwoSites: keys that were reset at two sites are no reason to
// move anybody. It is named, and the answers stay.
func TestLoginBrokenAtTwoSites(t *testing.T) {
	l := newLab(t)
	w := l.watch(10*time.Millisecond, westUDP, westTCP, westTLS)
	l.loginsUp()
	var both sync.WaitGroup
	for _, site := range []string{"calgary", "vancouver"} {
		both.Go(func() {
			if r := l.run("lab", "break", site, "auth-reset"); r.code != 0 {
				t.Errorf("break %s: %s", site, r.err)
			}
		})
	}
	both.Wait()
	eventually(t, "the common cause is named", patience, func() bool {
		for _, a := range l.status().Advice {
			if strings.Contains(a.Text, "register over udp failed at calgary and vancouver") && strings.Contains(a.Text, "auth-rejected") {
				return true
			}
		}
		return false
	})
	l.nobodyMoved(w)
	for _, s := range l.status().Sites {
		if s.Reflex || s.Gate != "open" {
			t.Errorf("the gate of %s is %s", s.Name, s.Gate)
		}
	}
}

// TestATenantsWrongPasswordMovesNobody: the canary of one tenant cannot log in
// anywhere, since its password was changed; the other one can. Every site goes on,
// the tenant is named, and nobody waits for anything.
func TestATenantsWrongPasswordMovesNobody(t *testing.T) {
	l := newLab(t)
	w := l.watch(10*time.Millisecond, westUDP, westTCP, westTLS)
	l.loginsUp()
	if err := os.WriteFile(filepath.Join(l.dir, "secrets", "acme"), []byte("of last year\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.setLine("    - {user: canary", "    - {user: canary, secret: canary}\n    - {user: canary, domain: acme.example, secret: acme}")
	const says = "tenant acme.example cannot log in at calgary, ottawa and vancouver, others can: it is the tenant, not the sites"
	eventually(t, "the tenant is named", patience, func() bool {
		return slices.ContainsFunc(l.status().Attention, func(x api.Attention) bool { return strings.HasPrefix(x.Detail, says) })
	})
	st := l.status()
	for _, s := range st.Sites {
		for transport, status := range s.Transports {
			if status != "up" || s.Gate != "open" {
				t.Errorf("%s over %s is %s, its gate %s", s.Name, transport, status, s.Gate)
			}
		}
	}
	if len(st.Advice) != 0 {
		t.Errorf("something is held back: %+v", st.Advice)
	}
	l.nobodyMoved(w)
	if checks := l.must(0, "checks", "--bad").out; !strings.Contains(checks, "register:acme.example") || !strings.Contains(checks, "auth-rejected") {
		t.Errorf("checks:\n%s", checks)
	}
	l.noPassword()
}

// nobodyMoved looks at the answers of west: as they were all the time.
func (l *testLab) nobodyMoved(w *dnswatch.Watch) {
	l.t.Helper()
	for _, name := range []string{westUDP, westTCP, westTLS} {
		if !l.answered(w, name, "calgary", "vancouver", "ottawa")() {
			l.t.Errorf("%s moved", name)
		}
	}
	for _, c := range w.Changes(time.Time{}) {
		if len(c.From) > 0 {
			l.t.Errorf("an answer changed: %+v", c)
		}
	}
}

// noPassword looks for the canary's password in everything that the lab has
// written, its own file aside, and in what the API says.
func (l *testLab) noPassword() {
	l.t.Helper()
	looked := 0
	err := filepath.WalkDir(l.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Base(filepath.Dir(path)) == "secrets" {
			return nil // a file may be gone since
		}
		text, err := os.ReadFile(path)
		if err == nil && bytes.Contains(text, []byte(labPassword)) {
			l.t.Errorf("%s holds the password of the canary", path)
		}
		looked++
		return nil
	})
	if err != nil || looked < 10 {
		l.t.Errorf("looked into %d files: %v", looked, err)
	}
	for _, args := range [][]string{{"status", "--json"}, {"why", "_sip._udp.west", "--json"}, {"history", "--json"}} {
		if r := l.must(0, args...); strings.Contains(r.out, labPassword) {
			l.t.Errorf("%v shows the password of the canary", args)
		}
	}
}
