package raftstore_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// Every benchmark runs three members in one process, on files, over TCP on
// loopback. "bare" is hashicorp/raft with raft-boltdb and nothing of ours: the
// anchor, to be read from the same run.

// proposer is a cluster that commits.
type proposer interface {
	propose(data []byte) error
	close()
}

var benchEntry = []byte(strings.Repeat("x", 200))

func BenchmarkCommit(b *testing.B) {
	for _, kind := range []string{"bare", "store", "store-nopush", "etcd"} {
		for _, writers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/writers=%d", kind, writers), func(b *testing.B) {
				p := newProposer(b, kind)
				defer p.close()
				times := make([]time.Duration, b.N)
				work := make(chan int)
				var wg sync.WaitGroup
				b.ResetTimer()
				for range writers {
					wg.Go(func() {
						for i := range work {
							start := time.Now()
							if err := p.propose(benchEntry); err != nil {
								b.Error(err)
							}
							times[i] = time.Since(start)
						}
					})
				}
				for i := range b.N {
					work <- i
				}
				close(work)
				wg.Wait()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
				report(b, times, "")
			})
		}
	}
}

// BenchmarkFollowerApply measures from the call of Propose on the leader until
// both followers have applied the entry, with a pause in between, as on a quiet
// day: so nothing else tells them of the commit.
func BenchmarkFollowerApply(b *testing.B) {
	for _, push := range []bool{false, true} {
		b.Run(fmt.Sprintf("push=%v", push), func(b *testing.B) {
			c := raftstoretest.OnDisk(b, 3)
			c.Profile = raftstore.LAN()
			defer c.Stop()
			c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.NoPush = !push }
			c.Start()
			c.Propose("warm up")
			leader := c.Leader()
			commit := make([]time.Duration, b.N)
			apply := make([]time.Duration, b.N)
			pause := time.NewTicker(7 * time.Millisecond)
			defer pause.Stop()
			b.ResetTimer()
			for i := range b.N {
				<-pause.C
				start := time.Now()
				res, err := leader.Store.Propose(b.Context(), benchEntry)
				if err != nil {
					b.Fatal(err)
				}
				commit[i] = time.Since(start)
				for _, n := range c.Nodes {
					if err := n.Store.Wait(b.Context(), res.Index); err != nil {
						b.Fatal(err)
					}
				}
				apply[i] = time.Since(start)
			}
			b.StopTimer()
			report(b, commit, "commit-")
			report(b, apply, "everywhere-")
		})
	}
}

// BenchmarkLeaderLost measures from the leader's end to the next commit.
// "killed": its sockets close, as when its process dies. "vanished": it goes
// silent, as when its host loses power.
func BenchmarkLeaderLost(b *testing.B) {
	for _, how := range []string{"killed", "vanished"} {
		b.Run(how, func(b *testing.B) {
			c := raftstoretest.OnDisk(b, 3)
			c.Profile = raftstore.LAN()
			defer c.Stop()
			silent := &silence{}
			c.Configure = func(n *raftstoretest.Node, cfg *raftstore.Config) { silent.around(b, n, cfg) }
			c.Start()
			times := make([]time.Duration, b.N)
			b.ResetTimer()
			for i := range b.N {
				b.StopTimer()
				c.Agree(c.Propose("before").Index)
				old := c.Leader()
				b.StartTimer()
				start := time.Now()
				if how == "killed" {
					c.Crash(old)
				} else {
					silent.of(old, true)
				}
				rest := slices.DeleteFunc(c.Running(), func(n *raftstoretest.Node) bool { return n == old })
				commitAt(b, rest)
				times[i] = time.Since(start)
				b.StopTimer()
				if how == "killed" {
					c.Start(old)
				} else {
					silent.of(old, false)
				}
				b.StartTimer()
			}
			b.StopTimer()
			report(b, times, "")
		})
	}
}

// commitAt tries the nodes until one commits.
func commitAt(b *testing.B, nodes []*raftstoretest.Node) {
	for {
		for _, n := range nodes {
			if _, leads := n.Store.Leads(); !leads {
				continue
			}
			if _, err := n.Store.Propose(b.Context(), benchEntry); err == nil {
				return
			}
		}
		<-time.After(time.Millisecond)
	}
}

// report adds quantiles in milliseconds.
func report(b *testing.B, times []time.Duration, prefix string) {
	slices.Sort(times)
	for _, q := range []int{50, 99} {
		b.ReportMetric(float64(times[len(times)*q/100].Microseconds())/1000, fmt.Sprintf("%sp%d-ms", prefix, q))
	}
}

func newProposer(b *testing.B, kind string) proposer {
	switch kind {
	case "bare":
		return bareProposer{raftstoretest.NewBare(b)}
	case "etcd":
		return newEtcd(b, false)
	}
	c := raftstoretest.OnDisk(b, 3)
	c.Profile = raftstore.LAN()
	// The recording machine keeps everything; this one keeps nothing.
	c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) {
		cfg.Machine, cfg.NoPush = nothing{}, kind == "store-nopush"
	}
	c.Start()
	leader := c.Leader()
	if _, err := leader.Store.Propose(b.Context(), benchEntry); err != nil {
		b.Fatal(err)
	}
	return storeProposer{c, leader.Store}
}

type bareProposer struct{ *raftstoretest.Bare }

func (p bareProposer) propose(data []byte) error { return p.Propose(data) }
func (p bareProposer) close()                    { p.Close() }

type storeProposer struct {
	cluster *raftstoretest.Cluster
	leader  *raftstore.Store
}

func (p storeProposer) propose(data []byte) error {
	_, err := p.leader.Propose(context.Background(), data)
	return err
}

func (p storeProposer) close() { p.cluster.Crash() }

// nothing is a machine without state, for both kinds of cluster.
type nothing struct{}

func (nothing) Apply(raftstore.Entry) any { return nil }
func (nothing) Snapshot() (func(io.Writer) error, error) {
	return func(io.Writer) error { return nil }, nil
}
func (nothing) Restore(io.Reader) error { return nil }
func (nothing) Sum() func() (raftstore.Hash, error) {
	return func() (raftstore.Hash, error) { return raftstore.Hash{}, nil }
}

// silence stands between members and can make one vanish: its messages, and
// those to it, wait.
type silence struct {
	mu     sync.Mutex
	silent map[string]chan struct{} // by address; closed when it speaks again
}

func (s *silence) of(n *raftstoretest.Node, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent == nil {
		s.silent = map[string]chan struct{}{}
	}
	if on {
		s.silent[n.Address] = make(chan struct{})
		return
	}
	close(s.silent[n.Address])
	delete(s.silent, n.Address)
}

// wait blocks while one of the addresses is silent.
func (s *silence) wait(addresses ...string) {
	for _, a := range addresses {
		s.mu.Lock()
		c := s.silent[a]
		s.mu.Unlock()
		if c != nil {
			<-c
		}
	}
}

// around puts s into a member's way out. Answers go back on connections that
// the other side opened, so those are held where they were dialled.
func (s *silence) around(_ *testing.B, n *raftstoretest.Node, cfg *raftstore.Config) {
	cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
		s.wait(n.Address, address)
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return &silentConn{Conn: c, silence: s, ends: []string{n.Address, address}}, nil
	}
}

type silentConn struct {
	net.Conn
	silence *silence
	ends    []string
}

func (c *silentConn) Write(p []byte) (int, error) {
	c.silence.wait(c.ends...)
	return c.Conn.Write(p)
}

func (c *silentConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.silence.wait(c.ends...)
	return n, err
}
