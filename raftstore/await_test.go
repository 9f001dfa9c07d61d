package raftstore_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// A fleet is brought back from one member's directory; another member, damaged, was
// taken in again with an empty store; the third comes back with its old one. To
// the third the second still is one of three: with its vote the cluster that was
// given up would go on, and overrule the new one.
func TestWaitingMemberDoesNotBringTheOldClusterBack(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		for _, n := range c.Nodes {
			n.Memory, n.Dir = nil, t.TempDir()
		}
		recovered, wiped, old := c.Nodes[0], c.Nodes[1], c.Nodes[2]
		c.Start()
		c.Agree(c.Propose("acknowledged").Index)
		c.Crash()

		var m raftstoretest.Machine
		found, err := raftstore.Salvage(recovered.Dir, recovered.ID, "", &m)
		if err != nil {
			t.Fatal(err)
		}
		write, err := m.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		seed := raftstore.Seed{
			ID: recovered.ID, Dir: recovered.Dir, Members: []raftstore.Member{{ID: recovered.ID, Address: recovered.Address, Voter: true}},
			Index: found.Index + 1000, Term: found.Term + 1000, Chain: found.Chain, Write: write,
		}
		for _, n := range []*raftstoretest.Node{recovered, wiped} {
			if err := raftstore.Await(n.Dir); err != nil {
				t.Fatal(err)
			}
			if err := raftstore.SetAside(n.Dir, filepath.Join(n.Dir, "before")); err != nil {
				t.Fatal(err)
			}
		}
		if err := raftstore.Plant(seed); err != nil { // and it waits no more
			t.Fatal(err)
		}

		c.Start(wiped, old)
		for range 3 { // also when it has heard of a term, and starts again
			time.Sleep(10 * time.Second)
			if _, leads := old.Store.Leads(); leads {
				t.Fatal("the old cluster goes on with the vote of a member that waits to be added")
			}
			c.Crash(wiped)
			c.Start(wiped)
		}
		c.Start(recovered)
		leader := c.Leader(recovered)
		for _, n := range []*raftstoretest.Node{wiped, old} {
			if err := leader.Store.AddVoter(t.Context(), n.ID, n.Address); err != nil {
				t.Fatal(err)
			}
		}
		res := c.Propose("on")
		if got := c.Agree(res.Index); !slices.Equal(got, []string{"acknowledged", "on"}) || res.Index <= seed.Index {
			t.Errorf("entry %d: %q", res.Index, got)
		}
		c.Crash(recovered) // they vote now
		c.Leader(wiped, old)
		c.Stop()
	})
}
