package raftstore_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

type node = raftstoretest.Node

// judge waits for the next checkpoint and returns what each member finds.
func judge(t *testing.T, c *raftstoretest.Cluster) map[string]raftstore.Agreement {
	t.Helper()
	time.Sleep(11 * time.Second) // virtual
	synctest.Wait()
	points := allPoints(c.Nodes)
	out := map[string]raftstore.Agreement{}
	for _, n := range c.Nodes {
		out[string(n.ID)] = raftstore.Judge(n.ID, n.Store.Members(), points)
	}
	return out
}

func TestHealthyMembersAgree(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		c.Agree(c.Propose("a").Index)
		for id, a := range judge(t, c) {
			if a.Index == 0 || a.Text != "" {
				t.Errorf("%s: %+v", id, a)
			}
		}
	})
}

func TestMemberWithAnotherStateIsFound(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		c.Agree(c.Propose("a").Index)
		sick := others(c, c.Leader())[0]
		sick.Machine.Corrupt()
		c.Propose("b")
		for id, a := range judge(t, c) {
			if a.Differs != (id == string(sick.ID)) || a.Divided || a.Text == "" {
				t.Errorf("%s: %+v", id, a)
			}
		}
		// The leader's word in the log alone shows it, at the next checkpoint.
		c.Propose("c")
		time.Sleep(11 * time.Second)
		synctest.Wait()
		for _, n := range c.Nodes {
			if found := n.Store.Status().Conflict != ""; found != (n == sick) {
				t.Errorf("%s: conflict %q", n.ID, n.Store.Status().Conflict)
			}
		}
	})
}

func TestLeaderWithAnotherStateIsFound(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		c.Agree(c.Propose("a").Index)
		leader := c.Leader()
		leader.Machine.Corrupt()
		c.Propose("b")
		for id, a := range judge(t, c) {
			if a.Differs != (id == string(leader.ID)) {
				t.Errorf("%s: %+v", id, a)
			}
		}
	})
}

func TestIdleFleetWritesNoCheckpoints(t *testing.T) {
	const interval = time.Second
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.CheckpointInterval = interval }
		c.Start()
		c.Agree(c.Propose("a").Index)
		judge(t, c)
		before := c.Leader().Store.Status().Last
		time.Sleep(60 * interval)
		if after := c.Leader().Store.Status().Last; after != before {
			t.Errorf("log grew from %d to %d in %s without anything to compare", before, after, 60*interval)
		}
	})
}

// A snapshot carries the chain on: members that restored one and members that
// applied everything have the same links.
func TestChainGoesThroughSnapshots(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.TrailingLogs = 1 }
		c.Start()
		away := others(c, c.Leader())[0]
		c.Crash(away)
		for range 20 {
			c.Propose("x")
		}
		if err := c.Leader().Store.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Propose("y")
		if err := c.Leader().Store.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Start(away)
		c.Agree(c.Propose("z").Index)
		if away.Machine.Restored() == 0 {
			t.Fatal("the member that was away needed no snapshot: the test shows nothing")
		}
		for id, a := range judge(t, c) {
			if a.Index == 0 || a.Text != "" {
				t.Errorf("%s: %+v", id, a)
			}
		}
	})
}

func TestDistrustedMemberTakesNoSnapshot(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		c.Propose("a")
		store := c.Nodes[0].Store
		store.Distrust("differs")
		if err := store.Snapshot(t.Context()); err == nil || !strings.Contains(err.Error(), "differs") {
			t.Errorf("error %v", err)
		}
		store.Trust()
		if err := store.Snapshot(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
