package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/notify"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// attention lists what this agent's checks find wrong that steers nothing:
// people must look.
func (a *Agent) attention() []api.Attention {
	now, _ := a.pub.served()
	if now.state.Fleet == nil {
		return nil
	}
	steers := a.opinions.steering.of(now.state.Fleet).is
	var out []api.Attention
	for _, o := range a.currentOpinions() {
		if o.Status == health.Down && !steers[o.Check] {
			out = append(out, api.Attention{Agent: string(a.cfg.Name), Check: o.Check, Cause: string(o.Cause), Detail: o.Detail, Next: keepOutCommand(o.Check)})
		}
	}
	return append(out, tenantFaults(now.state, string(a.cfg.Name))...)
}

// tenantNext is what to look at where one tenant cannot log in and others can.
const tenantNext = "sipsteer history   # what changed before, such as an import: sipsteer tenant rollback undoes the last one; what was changed at the softswitches is to be put back there"

// tenantFaults names each tenant once that cannot log in where others can, with all
// sites where that is so: the sentence of a verdict names those of the moment when
// it was reached.
func tenantFaults(s steer.State, agent string) []api.Attention {
	var out []api.Attention
	at := map[string][]fleet.SiteID{}
	for _, v := range s.Verdicts {
		if v.Cause != health.CauseTenant {
			continue
		}
		name := tenantOf(s.Fleet, v.Check)
		if len(at[name]) == 0 {
			out = append(out, api.Attention{Agent: agent, Check: v.Check, Cause: string(v.Cause), Detail: v.Detail, Next: tenantNext})
		}
		if !slices.Contains(at[name], v.Check.Site) {
			at[name] = append(at[name], v.Check.Site)
		}
	}
	for i := range out {
		name := tenantOf(s.Fleet, out[i].Check)
		if len(at[name]) > 1 {
			_, cause, _ := strings.Cut(out[i].Detail, " (")
			out[i].Detail = health.TenantFault(name, at[name]) + " (" + cause
		}
	}
	return out
}

// unseen is what the agents that are heard find wrong and that steers nothing,
// each check once, by the first agent that says so.
func (o *opinions) unseen(steers map[health.Check]bool, now time.Time) map[health.Check]health.Opinion {
	peers := o.peers()
	o.mu.Lock()
	defer o.mu.Unlock()
	out := map[health.Check]health.Opinion{}
	for _, p := range peers {
		r, ok := o.reports[p.Name]
		if !ok || now.Sub(r.at) >= o.fresh {
			continue
		}
		for c, op := range r.by {
			if _, said := out[c]; !said && op.Status == health.Down && !steers[c] {
				out[c] = op
			}
		}
	}
	return out
}

// watchUnseen tells people, while this agent leads, of checks that fail and
// steer nothing, and that they are good again. It is not part of the State: a
// new leader tells what fails once more.
func (a *Agent) watchUnseen(ctx context.Context) {
	n := a.cfg.Notify.withDefaults()
	if n.Sender == nil || n.Sender.Idle() {
		return
	}
	told := map[health.Check]bool{}
	for ; ctx.Err() == nil; pause(ctx, leaderTick) {
		now := a.machine.State()
		if now.Fleet == nil {
			continue
		}
		bad := a.opinions.unseen(a.opinions.steering.of(now.Fleet).is, time.Now())
		for _, x := range tenantFaults(now, string(a.cfg.Name)) {
			bad[x.Check] = health.Opinion{Check: x.Check, Status: health.Down, Cause: health.CauseTenant, Detail: x.Detail + "; next: " + x.Next}
		}
		withoutMaintained(bad, told, now)
		var lines []string
		for c, o := range bad {
			if !told[c] {
				told[c] = true
				line := fmt.Sprintf("%s: %s", c, o.Detail)
				if next := keepOutCommand(c); next != "" {
					line += "; next: " + next
				}
				lines = append(lines, line)
			}
		}
		for c := range told {
			if _, still := bad[c]; !still && a.opinions.good(c, time.Now()) {
				delete(told, c)
				lines = append(lines, c.String()+": good again")
			}
		}
		if len(lines) == 0 {
			continue
		}
		slices.Sort(lines)
		m := notify.Message{ID: fmt.Sprintf("checks-%d", time.Now().UnixMilli()), Severity: "minor", Subject: "[minor] " + lines[0], Lines: lines}
		if err := n.Sender.Send(ctx, m); err != nil && ctx.Err() == nil {
			a.log.Error().Err(err).Str("message", m.ID).Msg("people could not be told")
		}
	}
}

// good reports that an agent that is heard finds the check good, and none finds
// it bad.
func (o *opinions) good(c health.Check, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	up := false
	for _, r := range o.reports {
		if now.Sub(r.at) >= o.fresh {
			continue
		}
		switch r.by[c].Status {
		case health.Down:
			return false
		case health.Up:
			up = true
		}
	}
	return up
}
