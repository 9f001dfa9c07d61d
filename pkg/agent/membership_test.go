package agent

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/raftstore"
)

// fakeMembers only remembers.
type fakeMembers []raftstore.Member

func (f *fakeMembers) put(id fleet.AgentID, address string, voter bool) error {
	m := raftstore.Member{ID: id, Address: address, Voter: voter}
	if i := slices.IndexFunc(*f, func(m raftstore.Member) bool { return m.ID == id }); i >= 0 {
		(*f)[i] = m
		return nil
	}
	*f = append(*f, m)
	return nil
}

func (f *fakeMembers) AddVoter(_ context.Context, id fleet.AgentID, address string) error {
	return f.put(id, address, true)
}

func (f *fakeMembers) AddNonvoter(_ context.Context, id fleet.AgentID, address string) error {
	return f.put(id, address, false)
}

func (f *fakeMembers) Demote(_ context.Context, id fleet.AgentID) error {
	i := slices.IndexFunc(*f, func(m raftstore.Member) bool { return m.ID == id })
	(*f)[i].Voter = false
	return nil
}

func (f *fakeMembers) Remove(_ context.Context, id fleet.AgentID) error {
	*f = slices.DeleteFunc(*f, func(m raftstore.Member) bool { return m.ID == id })
	return nil
}

// settle runs the loop until there is nothing to do, and says what it did.
func settle(t *testing.T, f *fakeMembers, r pki.Registry, level func(pki.Agent) bool) string {
	t.Helper()
	m := &membership{level: map[fleet.AgentID]int{}}
	var did []string
	for range 50 {
		what, do := m.next(*f, r, level)
		if do == nil {
			continue // a tick in which an agent catches up
		}
		did = append(did, what)
		if err := do(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(did, "; ")
}

func TestMembersFollowTheRegistry(t *testing.T) {
	calgary := pki.Agent{Name: "calgary", Raft: "c:1", Voter: true}
	ottawa := pki.Agent{Name: "ottawa", Raft: "o:1", Voter: true}
	ns := pki.Agent{Name: "ns", Raft: "n:1"}
	moved := ottawa
	moved.Raft = "o:2"
	demoted := ottawa
	demoted.Voter = false
	both := fakeMembers{{ID: "calgary", Address: "c:1", Voter: true}, {ID: "ottawa", Address: "o:1", Voter: true}}
	always, never := func(pki.Agent) bool { return true }, func(pki.Agent) bool { return false }
	for name, tc := range map[string]struct {
		have  fakeMembers
		want  pki.Registry
		level func(pki.Agent) bool
		did   string
	}{
		"nothing to do":             {both, pki.Registry{Agents: []pki.Agent{calgary, ottawa}}, always, ""},
		"one joins":                 {both[:1], pki.Registry{Agents: []pki.Agent{calgary, ottawa}}, always, "adding ottawa; promoting ottawa"},
		"one joins and stays back":  {both[:1], pki.Registry{Agents: []pki.Agent{calgary, ottawa}}, never, "adding ottawa"},
		"a non-voter joins":         {both[:1], pki.Registry{Agents: []pki.Agent{calgary, ns}}, always, "adding ns"},
		"one has moved":             {both, pki.Registry{Agents: []pki.Agent{calgary, moved}}, always, "moving ottawa to o:2"},
		"one is demoted":            {both, pki.Registry{Agents: []pki.Agent{calgary, demoted}}, always, "demoting ottawa"},
		"one has left":              {both, pki.Registry{Agents: []pki.Agent{calgary}, Revoked: []pki.Revoked{{Agent: "ottawa"}}}, always, "removing ottawa"},
		"one is not registered yet": {both, pki.Registry{Agents: []pki.Agent{calgary}}, always, ""},
		"the last voter stays":      {both[:1], pki.Registry{Agents: []pki.Agent{ns}, Revoked: []pki.Revoked{{Agent: "calgary"}}}, never, "adding ns"},
		"nobody is registered":      {both, pki.Registry{}, always, ""},
	} {
		t.Run(name, func(t *testing.T) {
			have := slices.Clone(tc.have)
			if did := settle(t, &have, tc.want, tc.level); did != tc.did {
				t.Errorf("did %q, want %q", did, tc.did)
			}
		})
	}
}

// A voter that is level for a moment only is not promoted.
func TestPromotionWaitsUntilLevelForAWhile(t *testing.T) {
	m := &membership{level: map[fleet.AgentID]int{}}
	for i, level := range []bool{true, true, false, true, true, true} {
		if got := m.caughtUp("ottawa", level); got != (i == 5) {
			t.Errorf("tick %d: %v", i, got)
		}
	}
}
