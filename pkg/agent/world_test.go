package agent

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/raftstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds the wait for what must come about.
const patience = time.Minute

// world is three agents in this process, without gates, on loopback.
type world struct {
	t      testing.TB
	cfgs   []Config
	agents []*Agent
}

// newWorld starts three agents and waits until all serve.
func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t}
	f := fleettest.ThreeSites()
	dir := t.TempDir()
	var peers []Peer
	for i := range f.Sites {
		name := f.Sites[i].Name
		peers = append(peers, Peer{Name: fleet.AgentID(name), Site: name, Raft: loopbacktest.AddrPort(t, 7000).String(), API: loopbacktest.AddrPort(t, 7001).String()})
	}
	var founders []raftstore.Member
	for _, p := range peers {
		founders = append(founders, raftstore.Member{ID: p.Name, Address: p.Raft, Voter: true})
	}
	for _, p := range peers {
		cfg := Config{
			Founders: founders, Name: p.Name, Site: p.Site, Dir: filepath.Join(dir, string(p.Name)), Fleet: &f, Peers: peers,
			DNS:  dnsserver.Config{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Logger: zerolog.Nop()},
			Raft: RaftConfig{Listen: p.Raft, Advertise: p.Raft, Profile: raftstore.LAN(), Compare: 200 * time.Millisecond},
			API:  p.API, Version: "test", Logger: zerolog.Nop(),
		}
		if change != nil {
			change(&cfg)
		}
		w.cfgs = append(w.cfgs, cfg)
		w.agents = append(w.agents, nil)
	}
	t.Cleanup(func() {
		for i := range w.agents {
			w.stop(i)
		}
	})
	for i := range w.cfgs {
		w.start(i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, a := range w.agents {
		if err := a.Ready(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) start(i int) {
	w.t.Helper()
	a, err := New(w.cfgs[i])
	if err != nil {
		w.t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.agents[i] = a
}

func (w *world) stop(i int) {
	w.t.Helper()
	if w.agents[i] == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.agents[i].Stop(ctx); err != nil {
		w.t.Errorf("stop %s: %v", w.cfgs[i].Name, err)
	}
	w.agents[i] = nil
}

// leader waits for an agent that leads and may decide.
func (w *world) leader() int {
	w.t.Helper()
	found := -1
	w.eventually("a leader", func() bool {
		for i, a := range w.agents {
			if a == nil {
				continue
			}
			if _, leads := a.store.Leads(); leads && a.pub.frozen() == "" {
				found = i
				return true
			}
		}
		return false
	})
	return found
}

func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// hold carries out a hold at an agent and returns its epoch.
func (w *world) hold(i int, reason string) uint64 {
	w.t.Helper()
	res, err := w.agents[i].Do(w.t.Context(), api.CommandRequest{Kind: "hold", By: "test", Reason: reason, For: "1h"}, false)
	if err != nil {
		w.t.Fatalf("hold at %s: %v", w.cfgs[i].Name, err)
	}
	return res.Epoch
}
