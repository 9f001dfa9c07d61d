package raftstore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// everywhere returns how long after the leader the last follower applied, in
// virtual time: the worst of some entries, proposed at odd moments.
func everywhere(t *testing.T, push bool, delay time.Duration) (worst time.Duration) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.NoPush = !push }
		c.Net.SetDelay(delay)
		c.Start()
		c.Propose("first")
		leader := c.Leader()
		for i := range 50 {
			time.Sleep(211 * time.Millisecond)
			res, err := leader.Store.Propose(t.Context(), fmt.Append(nil, i))
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for _, n := range c.Nodes {
				if err := n.Store.Wait(t.Context(), res.Index); err != nil {
					t.Fatal(err)
				}
			}
			worst = max(worst, time.Since(start))
		}
	})
	return worst
}

func TestPushBringsCommitsWithinAHop(t *testing.T) {
	const hop = 3 * time.Millisecond
	// The third message of a pipeline may queue behind the second; two hops.
	if got := everywhere(t, true, hop); got > 2*hop {
		t.Errorf("with push: %s, a hop takes %s", got, hop)
	}
	// Or else this test would prove nothing.
	if got := everywhere(t, false, hop); got < raftstore.LAN().Commit/2 {
		t.Errorf("without push: %s", got)
	}
}

// What keeps a push from doing harm is raft's own check. Here it is given every
// kind that must be refused.
func TestPushThatMustBeRefused(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		c.Propose("a")
		old := c.Leader()
		oldTerm, _ := old.Store.Leads()
		if err := old.Store.TransferLeadership(t.Context()); err != nil {
			t.Fatal(err)
		}
		res := c.Propose("b")
		c.Agree(res.Index)
		leader := c.Leader()
		follower := others(c, leader)[0]
		to := raftstore.Member{ID: follower.ID, Address: follower.Address}
		before := follower.Store.Status()
		for _, tc := range []struct {
			name                   string
			from                   *raftstoretest.Node
			term, index, entryTerm uint64
		}{
			{"of an entry that the follower lacks", leader, res.Term, res.Index + 5, res.Term},
			{"of another entry at that index", leader, res.Term, res.Index, res.Term - 1},
			{"of a leader that was overruled", old, oldTerm, res.Index, res.Term},
		} {
			ok, err := tc.from.Store.SendPush(to, tc.term, tc.index, tc.entryTerm)
			if err != nil || ok {
				t.Errorf("push %s: taken %v, %v", tc.name, ok, err)
			}
		}
		after := follower.Store.Status()
		if after.Commit != before.Commit || after.Term != before.Term || after.Leader != before.Leader {
			t.Errorf("a refused push moved something: %+v to %+v", before, after)
		}
		if ok, err := leader.Store.SendPush(to, res.Term, res.Index, res.Term); !ok || err != nil {
			t.Errorf("a rightful push: taken %v, %v", ok, err)
		}
		if got := c.Agree(c.Propose("c").Index); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("applied %q", got)
		}
	})
}

// A follower that is cut off, or slow, must not hold up the pushes to others.
func TestPushPastAFollowerThatIsAway(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Net.SetDelay(time.Millisecond)
		c.Start()
		c.Propose("a")
		leader := c.Leader()
		away, near := others(c, leader)[0], others(c, leader)[1]
		c.Net.Isolate(away.Address, leader.Address, near.Address)
		for i := range 20 {
			time.Sleep(150 * time.Millisecond)
			res, err := leader.Store.Propose(t.Context(), fmt.Append(nil, i))
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if err := near.Store.Wait(t.Context(), res.Index); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > 4*time.Millisecond {
				t.Errorf("entry %d took %s", i, took)
			}
		}
	})
}
