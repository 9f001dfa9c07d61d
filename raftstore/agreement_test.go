package raftstore_test

import (
	"slices"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/raftstore"
)

func point(index uint64, chain, state byte) raftstore.Checkpoint {
	return raftstore.Checkpoint{Index: index, Chain: raftstore.Hash{chain}, State: raftstore.Hash{state}}
}

func TestJudge(t *testing.T) {
	three := []raftstore.Member{{ID: "a", Voter: true}, {ID: "b", Voter: true}, {ID: "c", Voter: true}, {ID: "dns"}}
	good, bad, worse := point(7, 1, 1), point(7, 1, 2), point(7, 1, 3)
	for name, tc := range map[string]struct {
		points map[fleet.AgentID][]raftstore.Checkpoint
		want   raftstore.Agreement
	}{
		"all agree":                         {points("a", good, "b", good, "c", good), raftstore.Agreement{Index: 7}},
		"another differs":                   {points("a", good, "b", good, "c", bad), raftstore.Agreement{Index: 7, Others: []fleet.AgentID{"c"}}},
		"this one differs":                  {points("a", bad, "b", good, "c", good), raftstore.Agreement{Index: 7, Differs: true, Others: nil}},
		"all differ":                        {points("a", good, "b", bad, "c", worse), raftstore.Agreement{Index: 7, Divided: true, Others: []fleet.AgentID{"b", "c"}}},
		"one voice is no majority":          {points("a", good), raftstore.Agreement{}},
		"two that differ, third not heard":  {points("a", good, "b", bad), raftstore.Agreement{Index: 7, Divided: true, Others: []fleet.AgentID{"b"}}},
		"a non-voter does not count":        {points("a", good, "dns", bad), raftstore.Agreement{}},
		"a non-voter that differs is named": {points("a", good, "b", good, "dns", bad), raftstore.Agreement{Index: 7, Others: []fleet.AgentID{"dns"}}},
		"a different history":               {points("a", point(7, 9, 1), "b", good, "c", good), raftstore.Agreement{Index: 7, Differs: true}},
		"no place in common":                {points("a", good, "b", point(8, 1, 1), "c", point(8, 1, 1)), raftstore.Agreement{}},
		"a sum that is not known yet":       {points("a", point(7, 1, 0), "b", good, "c", good), raftstore.Agreement{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := raftstore.Judge("a", three, tc.points)
			if (got.Text != "") != (got.Differs || got.Divided || len(got.Others) > 0) {
				t.Errorf("text %q of %+v", got.Text, got)
			}
			got.Text = ""
			if got.Index != tc.want.Index || got.Differs != tc.want.Differs || got.Divided != tc.want.Divided || !slices.Equal(got.Others, tc.want.Others) {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// points pairs names with their checkpoints.
func points(pairs ...any) map[fleet.AgentID][]raftstore.Checkpoint {
	out := map[fleet.AgentID][]raftstore.Checkpoint{}
	for i := 0; i < len(pairs); i += 2 {
		out[fleet.AgentID(pairs[i].(string))] = []raftstore.Checkpoint{pairs[i+1].(raftstore.Checkpoint)}
	}
	return out
}

// allPoints asks every running member.
func allPoints(nodes []*node) map[fleet.AgentID][]raftstore.Checkpoint {
	out := map[fleet.AgentID][]raftstore.Checkpoint{}
	for _, n := range nodes {
		out[n.ID] = n.Store.Checkpoints()
	}
	return out
}
