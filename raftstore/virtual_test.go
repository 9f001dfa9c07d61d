package raftstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// bubble runs a test on a cluster in virtual time.
func bubble(t *testing.T, voters int, test func(*testing.T, *raftstoretest.Cluster)) {
	synctest.Test(t, func(t *testing.T) {
		c := raftstoretest.InMemory(t, voters)
		defer c.Crash()
		test(t, c)
	})
}

func others(c *raftstoretest.Cluster, n *raftstoretest.Node) []*raftstoretest.Node {
	return slices.DeleteFunc(slices.Clone(c.Nodes), func(o *raftstoretest.Node) bool { return o == n })
}

func addresses(nodes []*raftstoretest.Node) []string {
	var as []string
	for _, n := range nodes {
		as = append(as, n.Address)
	}
	return as
}

func TestElectAndReplicate(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		first := c.Propose("a")
		if first.Value != 1 || first.Term == 0 || first.Index == 0 {
			t.Errorf("result %+v", first)
		}
		last := c.Propose("b")
		if last.Index <= first.Index || last.Value != 2 {
			t.Errorf("result %+v after %+v", last, first)
		}
		if got := c.Agree(last.Index); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("applied %q", got)
		}
	})
}

func TestProposeOnFollowerNamesLeader(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		leader := c.Leader()
		_, err := others(c, leader)[0].Store.Propose(t.Context(), []byte("x"))
		var hint *raftstore.NotLeaderError
		if !errors.As(err, &hint) || !errors.Is(err, raftstore.ErrNotLeader) {
			t.Fatalf("error %v", err)
		}
		if hint.Leader != leader.ID || hint.Address != leader.Address {
			t.Errorf("hint %+v, leader is %s at %s", hint, leader.ID, leader.Address)
		}
	})
}

func TestLeaderLostThenBack(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		c.Propose("before")
		old := c.Leader()
		c.Crash(old)
		c.Propose("without")
		c.Start(old)
		last := c.Propose("after")
		if got := c.Agree(last.Index); !slices.Equal(got, []string{"before", "without", "after"}) {
			t.Errorf("applied %q", got)
		}
	})
}

func TestMinorityChangesNothing(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		c.Propose("before")
		cut := c.Leader()
		rest := others(c, cut)
		c.Net.Isolate(cut.Address, addresses(rest)...)

		// Still leader for all it knows: what it takes now has no known fate.
		_, err := cut.Store.Propose(t.Context(), []byte("lost"))
		if !errors.Is(err, raftstore.ErrUncertain) {
			t.Errorf("cut off leader: %v, want %v", err, raftstore.ErrUncertain)
		}
		if _, err := cut.Store.Propose(t.Context(), []byte("refused")); !errors.Is(err, raftstore.ErrNoQuorum) {
			t.Errorf("after its lease: %v, want %v", err, raftstore.ErrNoQuorum)
		}
		if cut.Store.HasQuorum() {
			t.Error("a member without a majority claims one")
		}
		leader := c.Leader(rest...)
		res, err := leader.Store.Propose(t.Context(), []byte("kept"))
		if err != nil {
			t.Fatal(err)
		}
		term := res.Term

		c.Net.Heal()
		if got := c.Agree(res.Index); !slices.Equal(got, []string{"before", "kept"}) {
			t.Errorf("applied %q", got)
		}
		// Pre-vote: who comes back does not depose who leads.
		time.Sleep(5 * time.Second)
		if now, leads := leader.Store.Leads(); !leads || now != term {
			t.Errorf("leader of term %d deposed by the return, term is %d now", term, now)
		}
	})
}

func TestNoQuorumThenQuorum(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		c.Propose("a")
		leader := c.Leader()
		c.Crash(others(c, leader)...)
		time.Sleep(time.Second)
		if _, err := leader.Store.Propose(t.Context(), []byte("b")); !errors.Is(err, raftstore.ErrNoQuorum) {
			t.Errorf("alone: %v", err)
		}
		if got := leader.Machine.Entries(); !slices.Equal(got, []string{"a"}) {
			t.Errorf("its state went: %q", got)
		}
		c.Start(others(c, leader)...)
		if got := c.Agree(c.Propose("c").Index); !slices.Equal(got, []string{"a", "c"}) {
			t.Errorf("applied %q", got)
		}
	})
}

func TestRestartAll(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		var want []string
		for i := range 20 {
			want = append(want, fmt.Sprint(i))
			c.Propose(want[i])
		}
		c.Crash()
		c.Start()
		want = append(want, "after")
		if got := c.Agree(c.Propose("after").Index); !slices.Equal(got, want) {
			t.Errorf("applied %q", got)
		}
	})
}

func TestFollowerBehindGetsSnapshot(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.TrailingLogs = 2 }
		c.Start()
		c.Propose("0")
		behind := others(c, c.Leader())[0]
		c.Crash(behind)
		var want []string
		for i := range 30 {
			want = append(want, fmt.Sprint(i))
			if i > 0 {
				c.Propose(want[i])
			}
		}
		for _, n := range c.Running() {
			if err := n.Store.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		c.Start(behind)
		res := c.Propose("last")
		if got := c.Agree(res.Index); !slices.Equal(got, append(want, "last")) {
			t.Errorf("applied %q", got)
		}
		if behind.Machine.Restored() != 1 {
			t.Errorf("restored %d times", behind.Machine.Restored())
		}
	})
}

func TestSlowFollowerHoldsNobodyUp(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		leader := c.Leader()
		slow := others(c, leader)[0]
		release := make(chan struct{})
		slow.Machine.Observe(func(raftstore.Entry) { <-release })
		var last raftstore.Result
		for i := range 50 {
			last = c.Propose(fmt.Sprint(i))
		}
		if n := len(slow.Machine.Entries()); n > 1 {
			t.Errorf("the slow follower was not slow: %d entries", n)
		}
		close(release)
		c.Agree(last.Index)
	})
}

func TestLeadRunsOncePerTermAfterCatchingUp(t *testing.T) {
	type run struct {
		node    string
		term    uint64
		entries int
	}
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		var mu sync.Mutex
		var runs []run
		active := map[string]int{}
		c.Configure = func(n *raftstoretest.Node, cfg *raftstore.Config) {
			machine := n.Machine
			cfg.Lead = func(ctx context.Context, term uint64) {
				mu.Lock()
				runs = append(runs, run{string(n.ID), term, len(machine.Entries())})
				active[string(n.ID)]++
				if active[string(n.ID)] > 1 {
					t.Errorf("%s: two Lead at once", n.ID)
				}
				mu.Unlock()
				<-ctx.Done()
				mu.Lock()
				active[string(n.ID)]--
				mu.Unlock()
			}
		}
		c.Start()
		for i := range 10 {
			c.Propose(fmt.Sprint(i))
			if i%3 == 2 {
				old := c.Leader()
				if err := old.Store.TransferLeadership(t.Context()); err != nil {
					t.Logf("transfer: %v", err)
				}
				c.Eventually("the old leader's Lead to end", func() bool {
					mu.Lock()
					defer mu.Unlock()
					_, leads := old.Store.Leads()
					return leads || active[string(old.ID)] == 0
				})
			}
		}
		leader := c.Leader()
		c.Crash(leader)
		mu.Lock()
		if active[string(leader.ID)] != 0 {
			t.Error("Lead runs on after the store has stopped")
		}
		mu.Unlock()
		c.Propose("end")
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		terms := map[uint64]bool{}
		for _, r := range runs {
			if terms[r.term] {
				t.Errorf("term %d led twice: %+v", r.term, runs)
			}
			terms[r.term] = true
		}
		if len(runs) < 3 {
			t.Errorf("only %d leaderships: %+v", len(runs), runs)
		}
		if last := runs[len(runs)-1]; last.entries < 10 {
			t.Errorf("Lead ran before the machine had caught up: %+v", last)
		}
	})
}

func TestDiskFullOnLeader(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		c.Propose("a")
		full := c.Leader()
		noSpace := errors.New("no space left on device")
		full.Memory.Fail(noSpace)
		_, err := full.Store.Propose(t.Context(), []byte("b"))
		if !errors.Is(err, raftstore.ErrDisk) || !errors.Is(err, noSpace) {
			t.Errorf("propose on a full disk: %v", err)
		}
		if leader := c.Leader(others(c, full)...); leader == full {
			t.Error("the member with a full disk leads")
		}
		if got := full.Store.Status().DiskError; got == "" {
			t.Error("status does not name the disk")
		}
		time.Sleep(10 * time.Second) // elections that it cannot win must not hurt
		c.Propose("c")
		full.Memory.Fail(nil)
		if got := c.Agree(c.Propose("d").Index); !slices.Equal(got, []string{"a", "c", "d"}) {
			t.Errorf("applied %q", got)
		}
		if got := full.Store.Status().DiskError; got != "" {
			t.Errorf("status still says %q", got)
		}
	})
}

func TestUnknownEntryStopsTheReplica(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		c.Propose("a")
		old := others(c, c.Leader())[0]
		old.Machine.RefuseToKnow("new kind")
		c.Propose("new kind")
		<-old.Store.Done()
		var fatal *raftstore.Fatal
		if err := old.Store.Err(); !errors.As(err, &fatal) {
			t.Errorf("stopped with %v", err)
		}
		if _, err := old.Store.Propose(t.Context(), nil); !errors.Is(err, raftstore.ErrStopped) {
			t.Errorf("propose after that: %v", err)
		}
		if got := old.Machine.Entries(); !slices.Equal(got, []string{"a"}) {
			t.Errorf("it holds %q", got)
		}
		old.Store = nil
		c.Agree(c.Propose("b").Index)
	})
}

func TestMembersComeAndGo(t *testing.T) {
	bubble(t, 4, func(t *testing.T, c *raftstoretest.Cluster) {
		late := c.Nodes[3]
		founders := c.Members[:3]
		c.Configure = func(n *raftstoretest.Node, cfg *raftstore.Config) {
			cfg.Members = founders
			if n == late {
				cfg.Members = nil
			}
		}
		c.Start(c.Nodes[:3]...)
		c.Propose("a")
		c.Start(late)
		leader := c.Leader(c.Nodes[:3]...)
		if err := leader.Store.AddNonvoter(t.Context(), late.ID, late.Address); err != nil {
			t.Fatal(err)
		}
		c.Agree(c.Propose("b").Index)
		if err := leader.Store.AddVoter(t.Context(), late.ID, late.Address); err != nil {
			t.Fatal(err)
		}
		if err := others(c, leader)[0].Store.AddVoter(t.Context(), late.ID, late.Address); !errors.Is(err, raftstore.ErrNotLeader) {
			t.Errorf("a follower changed the membership: %v", err)
		}
		gone := others(c, leader)[0]
		if err := leader.Store.Remove(t.Context(), gone.ID); err != nil {
			t.Fatal(err)
		}
		c.Crash(gone)
		c.Agree(c.Propose("c").Index)
		if got := len(leader.Store.Members()); got != 3 {
			t.Errorf("%d members", got)
		}
	})
}

// A transfer may fail: its target draws the same moment as an election of
// another. Mostly it does not.
func TestCloseHandsLeadershipOver(t *testing.T) {
	const runs = 20
	quick := 0
	for range runs {
		bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
			c.Start()
			c.Propose("a")
			leader := c.Leader()
			c.Stop(leader)
			start := time.Now()
			c.Leader()
			if took := time.Since(start); took <= 50*time.Millisecond { // virtual
				quick++
			}
		})
	}
	if quick < runs/2 {
		t.Errorf("leadership was handed over at once in %d of %d", quick, runs)
	}
}

func TestContextEndsProposal(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		leader := c.Leader()
		c.Net.Isolate(leader.Address, addresses(others(c, leader))...)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := leader.Store.Propose(ctx, []byte("x"))
		if !errors.Is(err, raftstore.ErrUncertain) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if _, err := leader.Store.Propose(t.Context(), make([]byte, 2<<20)); !errors.Is(err, raftstore.ErrTooLarge) {
			t.Errorf("too large: %v", err)
		}
	})
}

// A member that lost its disk has forgotten what it acknowledged. Its vote
// could elect a leader that never had it.
func TestMemberThatWaitsToBeAddedGivesNoVote(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Start()
		leader := c.Leader()
		wiped, stale := others(c, leader)[0], others(c, leader)[1]
		c.Net.Isolate(stale.Address, leader.Address, wiped.Address)
		if _, err := leader.Store.Propose(t.Context(), []byte("acknowledged")); err != nil {
			t.Fatal(err)
		}
		c.Crash(leader, wiped)
		wiped.Memory = raftstore.NewMemory()
		c.Configure = func(n *raftstoretest.Node, cfg *raftstore.Config) {
			if n == wiped {
				cfg.Members = nil
			}
		}
		c.Start(wiped)
		c.Net.Heal()
		time.Sleep(30 * time.Second)
		if _, leads := stale.Store.Leads(); leads {
			t.Fatal("a member without the acknowledged entry was elected")
		}
		c.Start(leader)
		c.Eventually("the entry to be back", func() bool {
			return slices.Equal(stale.Machine.Entries(), []string{"acknowledged"})
		})
	})
}
