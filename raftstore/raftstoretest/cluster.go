package raftstoretest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/raftstore"
)

// Patience is how long the helpers wait for what must come about. It is for
// machines that are slow and busy.
const Patience = time.Minute

// Node is one member of a Cluster. Store and Machine are those of its present
// life.
type Node struct {
	ID      fleet.AgentID
	Address string
	Store   *raftstore.Store // nil while stopped
	Machine *Machine
	Memory  *raftstore.Memory // nil with files
	Dir     string            // "" in memory
}

// Cluster is a set of members.
type Cluster struct {
	T       testing.TB
	Net     *Network // nil with real sockets
	Nodes   []*Node
	Members []raftstore.Member
	// Profile holds the timings of the members. The zero value is LAN.
	Profile raftstore.Profile
	// Configure, if set, may change each member's Config before it is opened.
	Configure func(*Node, *raftstore.Config)
	logger    zerolog.Logger
}

// InMemory returns a cluster of that many members that has not started, in
// memory and on a Network, for use in a synctest bubble.
func InMemory(t testing.TB, voters int) *Cluster {
	c := newCluster(t)
	c.Net = NewNetwork(1)
	for i := range voters {
		id := fleet.AgentID(fmt.Sprintf("n%d", i+1))
		c.add(&Node{ID: id, Address: string(id), Memory: raftstore.NewMemory()})
	}
	return c
}

// OnDisk returns a cluster of that many members that has not started, with
// files in temporary directories and real sockets on loopback. Several members
// have the timings of the WAN profile, so that a machine which is busy with
// other tests does not cost a leader its office in the middle of a call.
func OnDisk(t testing.TB, voters int) *Cluster {
	c := newCluster(t)
	if voters > 1 {
		c.Profile = raftstore.WAN()
	}
	dir := t.TempDir()
	for i := range voters {
		id := fleet.AgentID(fmt.Sprintf("n%d", i+1))
		c.add(&Node{ID: id, Address: Address(t), Dir: filepath.Join(dir, string(id))})
	}
	return c
}

func newCluster(t testing.TB) *Cluster {
	return &Cluster{T: t, logger: newLogger(t)}
}

func (c *Cluster) add(n *Node) {
	c.Nodes = append(c.Nodes, n)
	c.Members = append(c.Members, raftstore.Member{ID: n.ID, Address: n.Address, Voter: true})
}

// Start starts the nodes, or all of them.
func (c *Cluster) Start(nodes ...*Node) {
	c.T.Helper()
	if len(nodes) == 0 {
		nodes = c.Nodes
	}
	for _, n := range nodes {
		if err := c.Open(n); err != nil {
			c.T.Fatalf("start %s: %v", n.ID, err)
		}
	}
}

// Open starts one node with a new Machine.
func (c *Cluster) Open(n *Node) error {
	cfg := raftstore.Config{
		ID:      n.ID,
		Dir:     n.Dir,
		Memory:  n.Memory,
		Listen:  n.Address,
		Members: c.Members,
		Profile: c.Profile,
		Logger:  c.logger,
	}
	n.Machine = &Machine{}
	cfg.Machine = n.Machine
	if c.Net != nil {
		var err error
		if cfg.Listener, err = c.Net.Listen(n.Address); err != nil {
			return err
		}
		cfg.Dial = c.Net.Dialer(n.Address)
	}
	if c.Configure != nil {
		c.Configure(n, &cfg)
	}
	store, err := raftstore.Open(cfg)
	if err != nil {
		if cfg.Listener != nil {
			err = errors.Join(err, cfg.Listener.Close())
		}
		return err
	}
	n.Store = store
	return nil
}

// Stop stops the nodes that run, or all of them, in good order.
func (c *Cluster) Stop(nodes ...*Node) {
	c.T.Helper()
	c.each(nodes, func(s *raftstore.Store) error { return s.Close(context.Background()) })
}

// Crash stops the nodes that run, or all of them, without a word.
func (c *Cluster) Crash(nodes ...*Node) {
	c.T.Helper()
	c.each(nodes, (*raftstore.Store).Abort)
}

func (c *Cluster) each(nodes []*Node, f func(*raftstore.Store) error) {
	c.T.Helper()
	if len(nodes) == 0 {
		nodes = c.Nodes
	}
	for _, n := range nodes {
		if n.Store == nil {
			continue
		}
		if err := f(n.Store); err != nil {
			c.T.Errorf("stop %s: %v", n.ID, err)
		}
		n.Store = nil
	}
}

// Running returns the nodes that run, in order.
func (c *Cluster) Running() []*Node {
	return slices.DeleteFunc(slices.Clone(c.Nodes), func(n *Node) bool { return n.Store == nil })
}

// Eventually waits until the condition holds.
func (c *Cluster) Eventually(what string, condition func() bool) {
	c.T.Helper()
	Eventually(c.T, what, condition)
}

// Eventually waits until the condition holds.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, Patience)
		}
	}
}

// Leader waits until one of the nodes, or of all, leads and the others of them
// that run agree, and returns it.
func (c *Cluster) Leader(among ...*Node) *Node {
	c.T.Helper()
	var leader *Node
	c.Eventually("a leader", func() bool {
		leader = nil
		nodes := among
		if len(nodes) == 0 {
			nodes = c.Running()
		}
		for _, n := range nodes {
			if _, leads := n.Store.Leads(); leads {
				leader = n
			}
		}
		return leader != nil && !slices.ContainsFunc(nodes, func(n *Node) bool {
			id, _ := n.Store.Leader()
			return id != leader.ID
		})
	})
	return leader
}

// Propose proposes at whoever leads, until it is acknowledged or its fate is
// not known, which fails the test.
func (c *Cluster) Propose(entry string) raftstore.Result {
	c.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for {
		res, err := c.Leader().Store.Propose(ctx, []byte(entry))
		if err == nil {
			return res
		}
		if !errors.Is(err, raftstore.ErrNotLeader) && !errors.Is(err, raftstore.ErrNoQuorum) {
			c.T.Fatalf("propose %q: %v", entry, err)
		}
		select { // in a bubble time stands still while somebody is busy
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// Agree waits until all running nodes have applied the index, and fails the
// test if their machines differ.
func (c *Cluster) Agree(index uint64) []string {
	c.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	nodes := c.Running()
	for _, n := range nodes {
		if err := n.Store.Wait(ctx, index); err != nil {
			c.T.Fatalf("%s: %v", n.ID, err)
		}
	}
	want := nodes[0].Machine.Entries()
	for _, n := range nodes[1:] {
		if got := n.Machine.Entries(); !slices.Equal(got, want) {
			c.T.Fatalf("replicas differ:\n%s %q\n%s %q", nodes[0].ID, want, n.ID, got)
		}
	}
	return want
}
