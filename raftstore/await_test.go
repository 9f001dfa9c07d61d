package raftstore_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// plantAlone brings a fleet back from one member's directory, which waited to be
// added as an agent does whose rejoin was cut short.
func plantAlone(t *testing.T, n *raftstoretest.Node) raftstore.Seed {
	t.Helper()
	var m raftstoretest.Machine
	found, err := raftstore.Salvage(n.Dir, n.ID, "", &m)
	if err != nil {
		t.Fatal(err)
	}
	write, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(raftstore.Await(n.Dir), raftstore.SetAside(n.Dir, filepath.Join(n.Dir, "before"))); err != nil {
		t.Fatal(err)
	}
	seed := raftstore.Seed{
		ID: n.ID, Dir: n.Dir, Members: []raftstore.Member{{ID: n.ID, Address: n.Address, Voter: true}},
		Index: found.Index + raftstore.Generation, Term: found.Term + raftstore.Generation, Chain: found.Chain, Write: write,
	}
	if err := raftstore.Plant(seed); err != nil {
		t.Fatal(err)
	}
	return seed
}

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

		seed := plantAlone(t, recovered)
		if err := raftstore.Await(wiped.Dir); err != nil {
			t.Fatal(err)
		}
		if err := raftstore.SetAside(wiped.Dir, filepath.Join(wiped.Dir, "before")); err != nil {
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

// A fleet is brought back from one member's directory while the two others are
// away, and they come back with their old stores: a majority of the cluster that
// was given up. They go on among themselves, whatever they do does not reach the
// new one, and when its leader adds them they follow.
func TestGivenUpClusterDoesNotOverruleTheNewOne(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		for _, n := range c.Nodes {
			n.Memory, n.Dir = nil, t.TempDir()
		}
		recovered, old := c.Nodes[0], c.Nodes[1:]
		c.Start()
		c.Agree(c.Propose("acknowledged").Index)
		c.Crash()
		plantAlone(t, recovered)

		c.Start(old...)
		lost := c.Propose("of the old cluster")
		c.Start(recovered)
		leader := c.Leader(recovered)
		term := leader.Store.Status().Term
		time.Sleep(time.Minute)
		if now, leads := recovered.Store.Leads(); !leads || recovered.Store.Status().Term != term {
			t.Fatalf("the new cluster of term %d was overruled: leads %t in term %d, %v", term, leads, recovered.Store.Status().Term, now)
		}
		if st := old[0].Store.Status(); st.Term >= term {
			t.Errorf("the old cluster has heard of term %d: %d", term, st.Term)
		}
		if _, err := leader.Store.Propose(t.Context(), []byte("on")); err != nil {
			t.Fatal(err)
		}
		for _, n := range old {
			if err := leader.Store.AddVoter(t.Context(), n.ID, n.Address); err != nil {
				t.Fatal(err)
			}
		}
		res := c.Propose("together")
		if got := c.Agree(res.Index); !slices.Equal(got, []string{"acknowledged", "on", "together"}) || res.Index <= lost.Index {
			t.Errorf("entry %d: %q", res.Index, got)
		}
		c.Stop()
	})
}
