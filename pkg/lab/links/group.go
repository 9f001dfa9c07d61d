package links

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// Group knows the links of all agents: to cut an agent off means to cut its own
// link, and the others' connections to it.
type Group struct {
	mu      sync.Mutex
	owner   map[*Link]netip.Addr
	cut     map[netip.Addr]bool
	oneWay  time.Duration
	changed chan struct{} // closed and replaced when cut changes
}

// NewGroup returns an empty group.
func NewGroup() *Group {
	return &Group{owner: map[*Link]netip.Addr{}, cut: map[netip.Addr]bool{}, changed: make(chan struct{})}
}

// Add puts the link of the agent at that address into the group. A link must
// be in a group before it is started.
func (g *Group) Add(agent netip.Addr, l *Link) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.owner[l] = agent
	l.group = g
}

// Cut separates the agent from all others: what runs freezes, new connections
// hang.
func (g *Group) Cut(agent netip.Addr) { g.set(agent, true) }

// Restore ends a cut. What was frozen goes on.
func (g *Group) Restore(agent netip.Addr) { g.set(agent, false) }

func (g *Group) set(agent netip.Addr, cut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cut[agent] == cut {
		return
	}
	g.cut[agent] = cut
	close(g.changed)
	g.changed = make(chan struct{})
}

// SetDelay delays everything by d in each direction.
func (g *Group) SetDelay(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.oneWay = d
}

func (g *Group) delay() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.oneWay
}

// wait returns when nothing is cut between the link's agent and the other
// address.
func (g *Group) wait(ctx context.Context, l *Link, to netip.Addr) error {
	for {
		g.mu.Lock()
		cut, changed := g.cut[g.owner[l]] || g.cut[to], g.changed
		g.mu.Unlock()
		if !cut {
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
