package agent

import (
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

// tell puts a change of the registry into the history, beside the decisions: who
// may change what, and who votes, is as much of an audit's interest. Refused
// changes are in the log of the agent that refused: whoever tries tokens must not
// be able to push the history out of the State.
func (m *machine) tell(e raftstore.Entry, c pki.Change, before, after pki.Registry) {
	text := registryText(c, before, after)
	if text == "" {
		return
	}
	s := m.State()
	s.Revision++
	ev := steer.Event{Epoch: s.Epoch, Revision: s.Revision, At: c.At, Kind: steer.EventAccess, By: c.By, Reason: c.Reason, Text: text}
	s.Events = append(slices.Clip(s.Events), &ev)
	s.Events = s.Events[max(0, len(s.Events)-steer.MaxEvents):]
	m.set(s)
	m.note(e, s, []steer.Event{ev})
	logEvent(m.log, ev)
}

// registryText says in a sentence what a change did; "" if nothing that people
// want to know: agents that introduce themselves, and repetitions.
func registryText(c pki.Change, before, after pki.Registry) string {
	switch c.Kind {
	case pki.SetAgent:
		return movedText(agentNamed(before, c.Agent.Name), agentNamed(after, c.Agent.Name))
	case pki.AcceptInvite:
		return fmt.Sprintf("agent %q joined at site %q%s", c.Agent.Name, c.Agent.Site, asVoter(agentNamed(after, c.Agent.Name).Voter))
	case pki.DropAgent:
		if agentNamed(before, c.Name) == nil {
			return ""
		}
		return fmt.Sprintf("agent %q left the fleet; its identity is taken back", c.Name)
	case pki.RevokeIdentity:
		return fmt.Sprintf("identities of agent %q from before %s are taken back", c.Revoked.Agent, c.Revoked.Before.UTC().Format(time.DateTime))
	case pki.AddInvite:
		return fmt.Sprintf("agent %q is invited%s until %s", c.Invite.Agent, asVoter(c.Invite.Voter), c.Invite.Until.UTC().Format(time.DateTime))
	case pki.SetOperator:
		return operatorText(*c.Operator, before)
	case pki.DropOperator:
		if !slices.ContainsFunc(before.Operators, func(o pki.Operator) bool { return o.Name == c.Name }) {
			return ""
		}
		return fmt.Sprintf("operator %q has no access any more", c.Name)
	}
	return ""
}

func asVoter(votes bool) string {
	if votes {
		return " as a voter"
	}
	return ""
}

func agentNamed(r pki.Registry, name string) *pki.Agent {
	i := slices.IndexFunc(r.Agents, func(a pki.Agent) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Agents[i]
}

// movedText says how an agent that was known has changed.
func movedText(was, is *pki.Agent) string {
	switch {
	case was == nil || *was == *is:
		return ""
	case is.Voter && !was.Voter:
		return fmt.Sprintf("agent %q is promoted: it votes when it has caught up", is.Name)
	case was.Voter && !is.Voter:
		return fmt.Sprintf("agent %q is demoted: it does not vote any more", is.Name)
	}
	return fmt.Sprintf("agent %q is at raft %s, API %s, site %q now; it was at %s, %s, %q", is.Name, is.Raft, is.API, is.Site, was.Raft, was.API, was.Site)
}

func operatorText(o pki.Operator, before pki.Registry) string {
	until := ""
	if !o.Until.IsZero() {
		until = " until " + o.Until.UTC().Format(time.DateTime)
	}
	i := slices.IndexFunc(before.Operators, func(x pki.Operator) bool { return x.Name == o.Name })
	switch {
	case i < 0:
		return fmt.Sprintf("operator %q has access as %s%s", o.Name, o.Role, until)
	case before.Operators[i].Role != o.Role:
		return fmt.Sprintf("operator %q is %s%s now, was %s", o.Name, o.Role, until, before.Operators[i].Role)
	}
	return fmt.Sprintf("operator %q has a new token%s", o.Name, until)
}
