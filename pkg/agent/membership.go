package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/raftstore"
)

const (
	// memberTick is how often the leader compares the members with the
	// registry.
	memberTick = time.Second
	// levelWith is how far behind the leader an agent may be to become a
	// voter, in log entries.
	levelWith = 64
	// levelFor is how many ticks in a row it has to be so level.
	levelFor = 3
)

// membership makes the members of the cluster those that the registry names:
// the leader's loop for joining, leaving, promoting, demoting and moving. One
// change at a time, as Raft wants it.
type membership struct {
	level map[fleet.AgentID]int // ticks in a row that a non-voter was level
}

// keepMembers runs beside the leader's other loop until ctx ends.
func (a *Agent) keepMembers(ctx context.Context) {
	m := &membership{level: map[fleet.AgentID]int{}}
	tick := time.NewTicker(memberTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		what, do := m.next(a.store.Members(), a.machine.Registry(), a.isLevel)
		if do == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, proposeTimeout)
		err := do(ctx, a.store)
		cancel()
		a.log.Info().AnErr("problem", err).Msg(what)
	}
}

// members is what membership needs of a store.
type members interface {
	AddVoter(ctx context.Context, id fleet.AgentID, address string) error
	AddNonvoter(ctx context.Context, id fleet.AgentID, address string) error
	Demote(ctx context.Context, id fleet.AgentID) error
	Remove(ctx context.Context, id fleet.AgentID) error
}

// next returns the first thing to change, or nil. Nobody is removed because the
// registry does not name him: only who was dropped from it.
func (m *membership) next(have []raftstore.Member, want pki.Registry, level func(pki.Agent) bool) (what string, do func(context.Context, members) error) {
	for _, ag := range want.Agents {
		id := fleet.AgentID(ag.Name)
		i := slices.IndexFunc(have, func(h raftstore.Member) bool { return h.ID == id })
		switch {
		case i < 0:
			return "adding " + ag.Name, func(ctx context.Context, s members) error { return s.AddNonvoter(ctx, id, ag.Raft) }
		case have[i].Address != ag.Raft && have[i].Voter:
			return "moving " + ag.Name + " to " + ag.Raft, func(ctx context.Context, s members) error { return s.AddVoter(ctx, id, ag.Raft) }
		case have[i].Address != ag.Raft:
			return "moving " + ag.Name + " to " + ag.Raft, func(ctx context.Context, s members) error { return s.AddNonvoter(ctx, id, ag.Raft) }
		case have[i].Voter && !ag.Voter && voters(have) > 1:
			return "demoting " + ag.Name, func(ctx context.Context, s members) error { return s.Demote(ctx, id) }
		case !have[i].Voter && ag.Voter && m.caughtUp(id, level(ag)):
			return "promoting " + ag.Name, func(ctx context.Context, s members) error { return s.AddVoter(ctx, id, ag.Raft) }
		}
	}
	for _, h := range have {
		if want.Dropped(string(h.ID)) && (!h.Voter || voters(have) > 1) {
			return "removing " + string(h.ID), func(ctx context.Context, s members) error { return s.Remove(ctx, h.ID) }
		}
	}
	return "", nil
}

func voters(have []raftstore.Member) int {
	n := 0
	for _, h := range have {
		if h.Voter {
			n++
		}
	}
	return n
}

// caughtUp counts: a voter that still reads the log would count for a majority
// that it cannot help.
func (m *membership) caughtUp(id fleet.AgentID, level bool) bool {
	if !level {
		m.level[id] = 0
		return false
	}
	m.level[id]++
	if m.level[id] < levelFor {
		return false
	}
	m.level[id] = 0
	return true
}

// isLevel asks an agent how far it is.
func (a *Agent) isLevel(ag pki.Agent) bool {
	c, ok := a.client(fleet.AgentID(ag.Name))
	if !ok {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout) // the loop's own bound
	defer cancel()
	e, err := c.Effect(ctx, 0, 0)
	return err == nil && e.Applied+levelWith >= a.store.Applied()
}

// storeOpen reports whether the store may be asked: answers do not wait for it to
// be opened.
func (a *Agent) storeOpen() bool {
	select {
	case <-a.opened:
		return true
	default:
		return false
	}
}

// appliedIndex is the last log entry applied here; 0 while the store opens.
func (a *Agent) appliedIndex() uint64 {
	if !a.storeOpen() {
		return 0
	}
	return a.store.Applied()
}

// announce keeps this agent's entry of the registry what its file says, until
// ctx ends: an agent that has moved says so itself.
func (a *Agent) announce(ctx context.Context) {
	for pause(ctx, leaderTick); ctx.Err() == nil; pause(ctx, 5*leaderTick) {
		own, ok := a.ownEntry()
		if !ok {
			continue
		}
		if err := a.change(ctx, pki.Change{Kind: pki.SetAgent, By: "agent " + string(a.cfg.Name), Agent: &own}); err != nil {
			a.log.Debug().Err(err).Msg("cannot announce this agent's addresses")
		}
	}
}

// ownEntry returns what the registry should say of this agent; ok is false when
// it says that already, or when this agent is no member.
func (a *Agent) ownEntry() (own pki.Agent, ok bool) {
	var file Peer
	for _, p := range a.cfg.Peers {
		if p.Name == a.cfg.Name {
			file = p
		}
	}
	own = pki.Agent{Name: string(file.Name), Site: string(file.Site), Raft: file.Raft, API: file.API}
	r := a.machine.Registry()
	if i := slices.IndexFunc(r.Agents, func(ag pki.Agent) bool { return ag.Name == own.Name }); i >= 0 {
		own.Voter = r.Agents[i].Voter
		return own, r.Agents[i] != own
	}
	i := slices.IndexFunc(a.store.Members(), func(m raftstore.Member) bool { return m.ID == a.cfg.Name })
	if i < 0 || r.Dropped(own.Name) {
		return own, false
	}
	own.Voter = a.store.Members()[i].Voter
	return own, true
}

// SetMember implements api.Membership: promote, demote.
func (a *Agent) SetMember(ctx context.Context, name string, req api.MemberRequest) error {
	r := a.machine.Registry()
	i := slices.IndexFunc(r.Agents, func(ag pki.Agent) bool { return ag.Name == name })
	if i < 0 {
		return noSuchAgent(name)
	}
	ag := r.Agents[i]
	if ag.Voter && !req.Voter && a.lastVoter(name) {
		return lastVoterError(name)
	}
	ag.Voter = req.Voter
	return a.change(ctx, pki.Change{Kind: pki.SetAgent, Reason: req.Reason, Agent: &ag})
}

// DropMember implements api.Membership: the agent leaves for good, and its
// identity is taken back.
func (a *Agent) DropMember(ctx context.Context, name, reason string) error {
	r := a.machine.Registry()
	if !slices.ContainsFunc(r.Agents, func(ag pki.Agent) bool { return ag.Name == name }) {
		return noSuchAgent(name)
	}
	if a.lastVoter(name) {
		return lastVoterError(name)
	}
	return a.change(ctx, pki.Change{Kind: pki.DropAgent, Reason: reason, Name: name})
}

func noSuchAgent(name string) error {
	return &api.Error{Category: api.Invalid, Field: "agent", Message: fmt.Sprintf("no agent is called %q", name), Hint: "sipsteer agent list"}
}

func lastVoterError(name string) error {
	return &api.Error{
		Category: api.Refused, Message: fmt.Sprintf("refused by last-voter: %s is the only agent that votes (now 1 voter, limit 1)", name),
		Hint: "sipsteer agent promote OTHER   # first",
	}
}

// lastVoter reports whether the fleet would have no voter without the agent.
func (a *Agent) lastVoter(name string) bool {
	return !slices.ContainsFunc(a.machine.Registry().Agents, func(ag pki.Agent) bool { return ag.Voter && ag.Name != name })
}

// Members implements api.Membership.
func (a *Agent) Members(context.Context) ([]api.Member, error) {
	have, leader := a.store.Members(), fleet.AgentID("")
	leader, _ = a.store.Leader()
	out := []api.Member{}
	for _, ag := range a.machine.Registry().Agents {
		m := api.Member{Name: ag.Name, Site: ag.Site, Raft: ag.Raft, API: ag.API, Role: "waiting", Leader: string(leader) == ag.Name}
		if i := slices.IndexFunc(have, func(h raftstore.Member) bool { return string(h.ID) == ag.Name }); i >= 0 {
			m.Role = "non-voter"
			if have[i].Voter {
				m.Role = "voter"
			}
		}
		m.Becomes = m.Role
		if ag.Voter && m.Role != "voter" {
			m.Becomes = "voter"
		} else if !ag.Voter {
			m.Becomes = "non-voter"
		}
		out = append(out, m)
	}
	return out, nil
}
