package register_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/icholy/digest"
	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/register"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	domain   = "west.voice.example.net"
	password = "correct horse"
	long     = 20 * time.Second
	short    = 400 * time.Millisecond
)

// registrar is a small registrar that checks digests with the same library that
// makes them; TestEveryAnswerOfARealRegistrar holds both against another one.
type registrar struct {
	algorithms []string // of its challenges; none: it does not ask
	proxy      bool     // it asks with 407
	oneTime    bool     // each nonce is good once
	forgets    bool     // it says 200 and stores nothing
	before     string   // status line to everything, before the challenge
	after      string   // status line after a right login

	mu       sync.Mutex
	nonce    int
	used     bool
	contacts []string
	log      []string
}

func (r *registrar) handle(req string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, req)
	if r.before != "" {
		return wiretest.Answer(req, r.before, "")
	}
	if len(r.algorithms) > 0 {
		stale, ok := r.check(req)
		if !ok {
			return r.ask(req, stale)
		}
		if r.after != "" {
			return wiretest.Answer(req, r.after, "")
		}
	}
	contact := wiretest.Header(req, "Contact")
	r.contacts = []string{"<sip:another@192.0.2.1>;expires=30"}
	if wiretest.Header(req, "Expires") != "0" && !r.forgets {
		r.contacts = append(r.contacts, contact+";expires=60")
	}
	return wiretest.Answer(req, "200 OK", "Contact: "+strings.Join(r.contacts, ", ")+"\r\n")
}

func (r *registrar) ask(req string, stale bool) []byte {
	r.nonce++
	r.used = false
	status, name := "401 Unauthorized", "WWW-Authenticate"
	if r.proxy {
		status, name = "407 Proxy Authentication Required", "Proxy-Authenticate"
	}
	var extra strings.Builder
	for _, a := range r.algorithms {
		fmt.Fprintf(&extra, "%s: Digest realm=%q, nonce=\"n%d\", algorithm=%s, qop=\"auth\", stale=%v\r\n", name, domain, r.nonce, a, stale)
	}
	return wiretest.Answer(req, status, extra.String())
}

// check reports whether the request carries a right digest, and if not whether
// only its nonce is too old.
func (r *registrar) check(req string) (stale, ok bool) {
	name := "Authorization"
	if r.proxy {
		name = "Proxy-Authorization"
	}
	got, err := digest.ParseCredentials(wiretest.Header(req, name))
	if err != nil {
		return false, false
	}
	if got.Nonce != fmt.Sprintf("n%d", r.nonce) || r.oneTime && r.used {
		return true, false
	}
	want, err := digest.Digest(
		&digest.Challenge{Realm: domain, Nonce: got.Nonce, Algorithm: got.Algorithm, QOP: []string{"auth"}},
		digest.Options{Method: "REGISTER", URI: "sip:" + domain, Username: "canary", Password: password, Count: got.Nc, Cnonce: got.Cnonce},
	)
	r.used = true
	return false, err == nil && want.Response == got.Response && got.URI == "sip:"+domain
}

func probe(addr netip.AddrPort, tr fleet.Transport, pass string, timeout time.Duration) probes.Result {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return register.New(register.Config{}).Probe(ctx, probes.Spec{
		Check:   health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: tr}, Kind: health.Register},
		Address: addr, ServerName: domain, Login: probes.Login{User: "canary", Password: pass},
	})
}

func TestLogins(t *testing.T) {
	for _, tt := range []struct {
		name      string
		registrar *registrar
		pass      string
		cause     health.Cause // none: success
		detail    string
		requests  int
	}{
		{"MD5", &registrar{algorithms: []string{"MD5"}}, password, "", "logged in and out", 3},
		{"SHA-256", &registrar{algorithms: []string{"SHA-256"}}, password, "", "logged in and out", 3},
		{"the stronger of two", &registrar{algorithms: []string{"MD5", "SHA-256"}}, password, "", "logged in and out", 3},
		{"by a proxy", &registrar{algorithms: []string{"MD5"}, proxy: true}, password, "", "logged in and out", 3},
		{"nonces that are good once", &registrar{algorithms: []string{"MD5"}, oneTime: true}, password, "", "logged in and out", 4},
		{"not asked for a password", &registrar{}, password, "", "without being asked", 2},
		{"a wrong password", &registrar{algorithms: []string{"MD5"}}, "wrong", health.CauseAuth, "another challenge: 401", 2},
		{"403 after a right password", &registrar{algorithms: []string{"MD5"}, after: "403 Forbidden"}, password, health.CauseAuth, "a right password is refused: 403", 2},
		{"403 at once", &registrar{before: "403 Forbidden"}, password, health.CauseNoLogin, "refused before the login: 403", 1},
		{"503 at once", &registrar{before: "503 Service Unavailable"}, password, health.CauseUnavailable, "refused before the login: 503", 1},
		{"503 after the login", &registrar{algorithms: []string{"MD5"}, after: "503 Service Unavailable"}, password, health.CauseUnavailable, "refused after the login: 503", 2},
		{"says yes and stores nothing", &registrar{algorithms: []string{"MD5"}, forgets: true}, password, health.CauseBinding, "not among the stored", 2},
		{"a challenge that nobody can answer", &registrar{algorithms: []string{"TELEPATHY"}}, password, health.CauseAuth, "without a challenge that can be answered", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reg := tt.registrar
			for tr, addr := range map[fleet.Transport]netip.AddrPort{
				fleet.UDP: wiretest.UDP(t, reg.handle), fleet.TCP: wiretest.TCP(t, wiretest.Serve(reg.handle)),
			} {
				reg.mu.Lock()
				reg.log, reg.nonce = nil, 0
				reg.mu.Unlock()
				got := probe(addr, tr, tt.pass, long)
				want := health.Failure
				if tt.cause == health.CauseNone {
					want = health.Success
				}
				if got.Outcome != want || got.Cause != tt.cause || !strings.Contains(got.Detail, tt.detail) {
					t.Errorf("%s: got %+v, want %v %q …%s…", tr, got, want, tt.cause, tt.detail)
				}
				reg.mu.Lock()
				if len(reg.log) != tt.requests {
					t.Errorf("%s: %d requests, want %d:\n%s", tr, len(reg.log), tt.requests, strings.Join(reg.log, "\n"))
				}
				if want == health.Success && len(reg.contacts) != 1 {
					t.Errorf("%s: the binding was left: %v", tr, reg.contacts)
				}
				for i, req := range reg.log {
					if cseq := fmt.Sprintf("%d REGISTER", i+1); wiretest.Header(req, "CSeq") != cseq {
						t.Errorf("%s: CSeq %q, want %q", tr, wiretest.Header(req, "CSeq"), cseq)
					}
					if wiretest.Header(req, "Call-ID") != wiretest.Header(reg.log[0], "Call-ID") {
						t.Errorf("%s: request %d has another Call-ID", tr, i)
					}
				}
				reg.mu.Unlock()
			}
		})
	}
}

func TestTheStrongestAlgorithmIsUsed(t *testing.T) {
	reg := &registrar{algorithms: []string{"MD5", "SHA-256"}}
	probe(wiretest.UDP(t, reg.handle), fleet.UDP, password, long)
	reg.mu.Lock()
	defer reg.mu.Unlock()
	if got := wiretest.Header(reg.log[1], "Authorization"); !strings.Contains(got, "algorithm=SHA-256") {
		t.Errorf("answered with %s", got)
	}
}

func TestNoAnswerIsATimeout(t *testing.T) {
	got := probe(wiretest.UDP(t, func(string) []byte { return nil }), fleet.UDP, password, short)
	if got.Cause != health.CauseTimeout {
		t.Errorf("got %+v", got)
	}
	// It answers the first request and goes silent: OPTIONS would look fine.
	reg := &registrar{algorithms: []string{"MD5"}}
	got = probe(wiretest.UDP(t, func(req string) []byte {
		if strings.Contains(req, "Authorization") {
			return nil
		}
		return reg.handle(req)
	}), fleet.UDP, password, short)
	if got.Cause != health.CauseTimeout {
		t.Errorf("after the challenge: got %+v", got)
	}
}

func TestThePasswordIsNeverPrinted(t *testing.T) {
	spec := probes.Spec{Login: probes.Login{User: "canary", Password: password}}
	encoded, err := json.Marshal(spec.Login)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s %v", spec, spec, spec, spec.Login, &spec.Login)
	out.Write(encoded)
	reg := &registrar{algorithms: []string{"MD5"}}
	out.WriteString(fmt.Sprint(probe(wiretest.UDP(t, reg.handle), fleet.UDP, password, long)))
	out.WriteString(fmt.Sprint(probe(wiretest.UDP(t, reg.handle), fleet.UDP, password+"!", long)))
	reg.mu.Lock()
	out.WriteString(strings.Join(reg.log, ""))
	reg.mu.Unlock()
	if strings.Contains(out.String(), password) {
		t.Errorf("found in\n%s", out.String())
	}
}

func TestNobodyToLogInAsIsOurOwnFault(t *testing.T) {
	got := register.New(register.Config{}).Probe(context.Background(), probes.Spec{ServerName: domain})
	if got.Outcome != health.NoData {
		t.Errorf("got %+v", got)
	}
}
