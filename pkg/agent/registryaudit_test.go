package agent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func TestRegistryTexts(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	ottawa := pki.Agent{Name: "ottawa", Site: "ottawa", Raft: "o:1", API: "o:2", Voter: true}
	quiet, moved := ottawa, ottawa
	quiet.Voter, moved.Raft = false, "p:1"
	r := pki.Registry{
		Agents:    []pki.Agent{ottawa},
		Operators: []pki.Operator{{Name: "ana", Role: pki.Viewer}},
		Invites:   []pki.Invite{{ID: "i", Hash: pki.HashOf("s"), Agent: "regina", Voter: true, Until: at.Add(time.Hour)}},
	}
	for _, tc := range []struct {
		c    pki.Change
		says string // "" for silence
	}{
		{pki.Change{Kind: pki.SetAgent, Agent: &ottawa}, ""},
		{pki.Change{Kind: pki.SetAgent, Agent: &pki.Agent{Name: "calgary"}}, ""},
		{pki.Change{Kind: pki.SetAgent, Agent: &quiet}, `agent "ottawa" is demoted`},
		{pki.Change{Kind: pki.SetAgent, Agent: &moved}, "at raft p:1"},
		{pki.Change{Kind: pki.AcceptInvite, Name: "i", Secret: pki.HashOf("s"), Agent: &pki.Agent{Name: "regina", Site: "regina"}}, `"regina" joined at site "regina" as a voter`},
		{pki.Change{Kind: pki.DropAgent, Name: "ottawa"}, `"ottawa" left the fleet`},
		{pki.Change{Kind: pki.DropAgent, Name: "nobody"}, ""},
		{pki.Change{Kind: pki.RevokeIdentity, Revoked: &pki.Revoked{Agent: "ottawa", Before: at}}, "from before 2026-05-04 03:02:01"},
		{pki.Change{Kind: pki.AddInvite, Invite: &pki.Invite{ID: "j", Agent: "laval", Until: at}}, `"laval" is invited until`},
		{pki.Change{Kind: pki.SetOperator, Operator: &pki.Operator{Name: "ana", Role: pki.Viewer}}, "new token"},
		{pki.Change{Kind: pki.SetOperator, Operator: &pki.Operator{Name: "ana", Role: pki.Admin}}, "is admin now, was viewer"},
		{pki.Change{Kind: pki.SetOperator, Operator: &pki.Operator{Name: "eve\n", Role: pki.Viewer, Until: at}}, `"eve\n" has access as viewer until`},
		{pki.Change{Kind: pki.DropOperator, Name: "ana"}, "no access any more"},
		{pki.Change{Kind: pki.DropOperator, Name: "nobody"}, ""},
	} {
		tc.c.At = at
		after, err := r.Apply(tc.c)
		if err != nil {
			t.Fatalf("%s: %v", tc.c.Kind, err)
		}
		got := registryText(tc.c, r, after)
		if (tc.says == "") != (got == "") || !strings.Contains(got, tc.says) {
			t.Errorf("%s: %q, want %q", tc.c.Kind, got, tc.says)
		}
	}
}

// A voter that cannot say that it keeps reasons would have another history than the
// others: then the change is made without.
func TestTheReasonOfAChangeWaitsForEveryVoter(t *testing.T) {
	w := newWorld(t, nil)
	w.leader()
	w.stop((w.leader() + 1) % len(w.agents))
	a := w.agents[w.leader()]
	a.versions.mu.Lock()
	a.versions.known = map[fleet.AgentID]int{} // as a leader that has just begun
	a.versions.mu.Unlock()
	if _, err := a.SetOperator(t.Context(), "ana", api.OperatorRequest{Role: "operator", Reason: "new in the team"}); err != nil {
		t.Fatal(err)
	}
	events, err := a.History(t.Context(), 1)
	if err != nil || len(events) != 1 || events[0].Kind != steer.EventAccess || events[0].Reason != "" {
		t.Errorf("%+v, %v", events, err)
	}
}

// Who has access is in the history of every agent, in the same words, with who
// gave it.
func TestAccessIsInTheHistory(t *testing.T) {
	w := newWorld(t, nil)
	if _, err := w.agents[w.leader()].SetOperator(t.Context(), "ana", api.OperatorRequest{Role: "operator"}); err != nil {
		t.Fatal(err)
	}
	if err := w.agents[w.leader()].DropOperator(t.Context(), "ana", "has left the company"); err != nil {
		t.Fatal(err)
	}
	w.eventually("both changes everywhere", func() bool {
		return !slices.ContainsFunc(w.agents, func(a *Agent) bool {
			events, err := a.History(t.Context(), 100)
			var said []string
			for _, e := range events {
				if e.Kind == steer.EventAccess && !e.At.IsZero() {
					said = append(said, e.Text+" "+e.Reason)
				}
			}
			return err != nil || len(said) != 2 || !strings.Contains(said[0], "as operator") || !strings.Contains(said[1], "no access any more has left the company")
		})
	})
}
