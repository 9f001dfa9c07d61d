package raftstore_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// A member that is started alone has what it had applied, without word of anyone:
// here every one of three, each by itself, and none has more than was committed.
func TestStartedAloneHasWhatItHad(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.CheckpointInterval = 200 * time.Millisecond }
		c.Start()
		var want []string
		for i := range 600 { // more than is replayed at a time
			want = append(want, fmt.Sprint(i))
			c.Agree(c.Propose(want[i]).Index)
			if i == 300 {
				for _, n := range c.Nodes {
					if err := n.Store.Snapshot(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		// The leader takes one more that no majority has: it is in its log alone.
		leader := c.Leader()
		c.Net.Isolate(leader.Address, addresses(others(c, leader))...)
		if _, err := leader.Store.Propose(t.Context(), []byte("not committed")); err == nil {
			t.Fatal("void: committed without a majority")
		}
		c.Crash()
		for _, n := range c.Nodes {
			c.Start(n)
			if got := n.Machine.Entries(); !slices.Equal(got, want) {
				t.Errorf("%s begins with %d entries up to %q, want %d", n.ID, len(got), got[max(0, len(got)-1):], len(want))
			}
			if st := n.Store.Status(); st.Leader != "" || st.Commit < st.Applied {
				t.Errorf("%s: void, or wrong: %+v", n.ID, st)
			}
			c.Crash(n)
		}
		// Raft hands the same entries over again; the machines refuse one twice.
		c.Net.Heal()
		c.Start()
		want = append(want, "after")
		got := c.Agree(c.Propose("after").Index)
		got = slices.DeleteFunc(got, func(e string) bool { return e == "not committed" }) // it may be by now
		if !slices.Equal(got, want) {
			t.Errorf("%d entries applied up to %q, want %d", len(got), got[len(got)-1], len(want))
		}
		if err := c.Leader().Store.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for _, n := range c.Nodes[1:] { // their links of the chain are alike
			a, b := c.Nodes[0].Store.Status().Checkpoint, n.Store.Status().Checkpoint
			if a.Index == 0 || a != b {
				t.Errorf("checkpoints differ: %+v, %+v", a, b)
			}
		}
	})
}

// The mark is a help: damaged, cut off, missing or of another log it is not used,
// and nothing that is not committed comes from it.
func TestCommitMarkThatDoesNotFit(t *testing.T) {
	c := raftstoretest.OnDisk(t, 3)
	defer c.Stop()
	c.Start()
	want := []string{"a", "b", "c"}
	for _, e := range want {
		c.Agree(c.Propose(e).Index)
	}
	c.Crash()
	n := c.Nodes[0]
	path := filepath.Join(n.Dir, "COMMITTED")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	alone := func(how string, octets []byte, want []string) {
		t.Helper()
		if octets == nil {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, octets, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		c.Start(n)
		if got := n.Machine.Entries(); !slices.Equal(got, want) {
			t.Errorf("mark %s: begins with %q, want %q", how, got, want)
		}
		c.Crash(n)
	}
	alone("as written", whole, want)
	for i := range whole {
		bad := slices.Clone(whole)
		bad[i] ^= 1 << (i % 8)
		alone(fmt.Sprintf("with octet %d flipped", i), bad, nil)
	}
	alone("cut off", whole[:len(whole)-1], nil)
	alone("empty", []byte{}, nil)
	alone("missing", nil, nil)
	alone("beyond the log", raftstore.EncodeCommitMark(1000, 2), nil)
	alone("of another term", raftstore.EncodeCommitMark(binary.BigEndian.Uint64(whole[4:]), 77), nil)
	c.Start()
	want = append(want, "after")
	if got := c.Agree(c.Propose("after").Index); !slices.Equal(got, want) {
		t.Errorf("applied %q, want %q", got, want)
	}
}
