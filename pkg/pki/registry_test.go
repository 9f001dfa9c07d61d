package pki_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/pki"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func apply(t *testing.T, r pki.Registry, c pki.Change) pki.Registry {
	t.Helper()
	next, err := r.Apply(c)
	if err != nil {
		t.Fatalf("%s: %v", c.Kind, err)
	}
	return next
}

func TestJoinTokenWorksOnceForOneAgent(t *testing.T) {
	secret, hash, err := pki.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	r := apply(t, pki.Registry{}, pki.Change{Kind: pki.AddInvite, At: noon, Invite: &pki.Invite{ID: "i1", Hash: hash, Agent: "ottawa", Voter: true, Until: noon.Add(time.Hour)}})
	accept := func(name, secret string, at time.Time) pki.Change {
		return pki.Change{Kind: pki.AcceptInvite, At: at, Name: "i1", Secret: pki.HashOf(secret), Agent: &pki.Agent{Name: name, Site: "ottawa", Raft: "h:1", API: "h:2"}}
	}
	for name, c := range map[string]pki.Change{
		"wrong secret": accept("ottawa", secret+"x", noon),
		"other agent":  accept("calgary", secret, noon),
		"too late":     accept("ottawa", secret, noon.Add(time.Hour)),
	} {
		if _, err := r.Apply(c); !errors.Is(err, pki.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r = apply(t, r, accept("ottawa", secret, noon))
	if len(r.Agents) != 1 || !r.Agents[0].Voter {
		t.Errorf("agents %+v", r.Agents)
	}
	if _, err := r.Apply(accept("ottawa", secret, noon)); !errors.Is(err, pki.ErrRefused) {
		t.Errorf("second use: %v", err)
	}
}

func TestTokensAreCarriedWhole(t *testing.T) {
	in := pki.JoinToken{ID: "i1", Secret: "s", Authority: strings.Repeat("a", 64), APIs: []string{"127.0.0.1:8300"}}
	text := in.String()
	out, err := pki.ParseJoinToken(" " + text + "\n")
	if err != nil || out.ID != in.ID || out.APIs[0] != in.APIs[0] {
		t.Errorf("%+v, %v", out, err)
	}
	for _, bad := range []string{"", "x", text[:len(text)/2], strings.TrimPrefix(text, "sipsteer-join-")} {
		if _, err := pki.ParseJoinToken(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestOperators(t *testing.T) {
	secret, hash, err := pki.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	r := apply(t, pki.Registry{}, pki.Change{Kind: pki.SetOperator, At: noon, Operator: &pki.Operator{Name: "alice", Role: pki.Doer, Hash: hash, Until: noon.Add(time.Hour)}})
	token := pki.OperatorToken("alice", secret)
	if o, ok := r.Operator(token, noon); !ok || !o.Role.May(pki.Viewer) || !o.Role.May(pki.Doer) || o.Role.May(pki.Admin) {
		t.Errorf("operator %+v, %v", o, ok)
	}
	for _, bad := range []string{"", token + "x", pki.OperatorToken("bob", secret), strings.TrimPrefix(token, "sipsteer-op-")} {
		if _, ok := r.Operator(bad, noon); ok {
			t.Errorf("%q was taken", bad)
		}
	}
	if _, ok := r.Operator(token, noon.Add(time.Hour)); ok {
		t.Error("an old token was taken")
	}
	if _, err := r.Apply(pki.Change{Kind: pki.SetOperator, Operator: &pki.Operator{Name: "bob", Role: "king"}}); !errors.Is(err, pki.ErrRefused) {
		t.Errorf("unknown role: %v", err)
	}
	r = apply(t, r, pki.Change{Kind: pki.DropOperator, Name: "alice"})
	if _, ok := r.Operator(token, noon); ok {
		t.Error("a dropped operator was taken")
	}
	var none pki.Role
	if none.May(pki.Viewer) || none.May(none) {
		t.Error("no role has powers")
	}
}

// An agent that left is refused; let in again with a new certificate, it is
// not, while the old certificate stays refused.
func TestRevocation(t *testing.T) {
	before, after := pki.Peer{Agent: "ottawa", Issued: noon.Add(-time.Hour)}, pki.Peer{Agent: "ottawa", Issued: noon.Add(time.Hour)}
	r := apply(t, pki.Registry{}, pki.Change{Kind: pki.SetAgent, Agent: &pki.Agent{Name: "ottawa"}})
	if err := r.Allow(before); err != nil {
		t.Error(err)
	}
	r = apply(t, r, pki.Change{Kind: pki.DropAgent, At: noon, Name: "ottawa"})
	if err := r.Allow(before); !errors.Is(err, pki.ErrRevoked) || len(r.Agents) != 0 {
		t.Errorf("after it left: %v", err)
	}
	r = apply(t, r, pki.Change{Kind: pki.SetAgent, At: noon.Add(time.Hour), Agent: &pki.Agent{Name: "ottawa"}})
	if err := r.Allow(after); err != nil {
		t.Errorf("let in again: %v", err)
	}
	if err := r.Allow(before); !errors.Is(err, pki.ErrRevoked) {
		t.Errorf("the old certificate: %v", err)
	}
}

func TestFirstRegistryCountsOnce(t *testing.T) {
	first := &pki.Registry{Operators: []pki.Operator{{Name: "admin", Role: pki.Admin}}}
	r := apply(t, pki.Registry{}, pki.Change{Kind: pki.FirstRegistry, First: first})
	again := apply(t, r, pki.Change{Kind: pki.FirstRegistry, First: &pki.Registry{Operators: []pki.Operator{{Name: "mallory", Role: pki.Admin}}}})
	if len(again.Operators) != 1 || again.Operators[0].Name != "admin" {
		t.Errorf("operators %+v", again.Operators)
	}
	if _, err := r.Apply(pki.Change{Kind: "of tomorrow"}); !errors.Is(err, pki.ErrUnknownChange) {
		t.Errorf("unknown kind: %v", err)
	}
}
