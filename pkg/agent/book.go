package agent

import (
	"slices"
	"sync"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/pki"
)

// book keeps a client for each other agent, made anew when the agent has moved.
type book struct {
	mu sync.Mutex
	// guarded by mu:
	entries map[fleet.AgentID]entry
}

type entry struct {
	api    string // address
	client *api.Client
}

// peers are all agents, this one included: those of the registry, and those of
// this agent's file that have not registered yet.
func (a *Agent) peers() []Peer {
	r := a.machine.Registry()
	out := make([]Peer, len(r.Agents), len(r.Agents)+len(a.cfg.Peers))
	for i, ag := range r.Agents {
		out[i] = Peer{Name: fleet.AgentID(ag.Name), Site: fleet.SiteID(ag.Site), Raft: ag.Raft, API: ag.API}
	}
	for _, p := range a.cfg.Peers {
		known := slices.ContainsFunc(r.Agents, func(ag pki.Agent) bool { return ag.Name == string(p.Name) })
		if !known && !r.Dropped(string(p.Name)) {
			out = append(out, p)
		}
	}
	return out
}

// others are the peers without this agent.
func (a *Agent) others() []Peer {
	return slices.DeleteFunc(slices.Clone(a.peers()), func(p Peer) bool { return p.Name == a.cfg.Name })
}

// clientOf returns the client of a peer.
func (a *Agent) clientOf(p Peer) *api.Client {
	a.book.mu.Lock()
	defer a.book.mu.Unlock()
	e, ok := a.book.entries[p.Name]
	if ok && e.api == p.API {
		return e.client
	}
	if ok {
		e.client.Close()
	}
	e = entry{p.API, a.newClient(p)}
	if a.book.entries == nil {
		a.book.entries = map[fleet.AgentID]entry{}
	}
	a.book.entries[p.Name] = e
	return e.client
}

// client returns the client of another agent by its name.
func (a *Agent) client(id fleet.AgentID) (*api.Client, bool) {
	others := a.others()
	i := slices.IndexFunc(others, func(p Peer) bool { return p.Name == id })
	if i < 0 {
		return nil, false
	}
	return a.clientOf(others[i]), true
}

// close ends idle connections.
func (b *book) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		e.client.Close()
	}
}
