package raftstoretest

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// Bare is three members of the library alone, on files, over TCP on loopback:
// the anchor of benchmarks.
type Bare struct {
	rafts   []*raft.Raft
	leader  *raft.Raft
	sockets []*raft.NetworkTransport
	closers []func() error
}

type bareFSM struct{}

func (bareFSM) Apply(*raft.Log) any { return nil }
func (bareFSM) Snapshot() (raft.FSMSnapshot, error) {
	return nil, fmt.Errorf("the anchor keeps no snapshot")
}
func (bareFSM) Restore(io.ReadCloser) error { return nil }

// NewBare starts the members and waits for a leader that commits.
func NewBare(b testing.TB) *Bare {
	p := &Bare{}
	var servers []raft.Server
	var stores []*raftboltdb.BoltStore
	for i := range 3 {
		transport, err := raft.NewTCPTransportWithLogger("127.0.0.1:0", nil, 3, 10*time.Second, hclog.NewNullLogger())
		if err != nil {
			b.Fatal(err)
		}
		p.sockets = append(p.sockets, transport)
		store, err := raftboltdb.NewBoltStore(filepath.Join(b.TempDir(), "log.db"))
		if err != nil {
			b.Fatal(err)
		}
		stores = append(stores, store)
		p.closers = append(p.closers, func() error { transport.CloseStreams(); return nil }, transport.Close, store.Close)
		servers = append(servers, raft.Server{ID: raft.ServerID(fmt.Sprint("b", i)), Address: transport.LocalAddr()})
	}
	for i := range servers {
		p.start(b, servers, i, stores[i])
	}
	Eventually(b, "a leader", func() bool {
		i := slices.IndexFunc(p.rafts, func(r *raft.Raft) bool { return r.State() == raft.Leader })
		if i >= 0 {
			p.leader = p.rafts[i]
		}
		return i >= 0 && p.leader.Barrier(0).Error() == nil
	})
	return p
}

// start starts one member.
func (p *Bare) start(b testing.TB, servers []raft.Server, i int, store *raftboltdb.BoltStore) {
	b.Helper()
	conf := raft.DefaultConfig()
	conf.LocalID = servers[i].ID
	conf.Logger = hclog.NewNullLogger()
	snaps := raft.NewInmemSnapshotStore()
	if err := raft.BootstrapCluster(conf, store, store, snaps, p.sockets[i], raft.Configuration{Servers: servers}); err != nil {
		b.Fatal(err)
	}
	r, err := raft.NewRaft(conf, bareFSM{}, store, store, snaps, p.sockets[i])
	if err != nil {
		b.Fatal(err)
	}
	p.rafts = append(p.rafts, r)
}

// Propose returns when the entry is committed.
func (p *Bare) Propose(data []byte) error { return p.leader.Apply(data, 0).Error() }

// LoseLeader takes the leader's sockets away, as the death of its process does,
// and returns how long it took until another one committed an entry.
func (p *Bare) LoseLeader(b testing.TB, entry []byte) time.Duration {
	b.Helper()
	start := time.Now()
	for i, r := range p.rafts {
		if r == p.leader {
			p.sockets[i].CloseStreams()
			_ = p.sockets[i].Close()
			_ = r.Shutdown()
		}
	}
	Eventually(b, "another leader", func() bool {
		i := slices.IndexFunc(p.rafts, func(r *raft.Raft) bool { return r != p.leader && r.State() == raft.Leader })
		return i >= 0 && p.rafts[i].Apply(entry, 0).Error() == nil
	})
	return time.Since(start)
}

// Close ends the members.
func (p *Bare) Close() {
	for _, r := range p.rafts {
		_ = r.Shutdown().Error()
	}
	for _, c := range p.closers {
		_ = c()
	}
}
