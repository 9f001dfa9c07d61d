package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// pushChange reads whom a request is about.
func pushChange(c *steer.Command, req api.CommandRequest) {
	if c.Kind == steer.KindPush {
		c.Push = &steer.Push{Devices: req.Devices}
	}
}

// pushing are the stragglers that a push is for, and whose gate knows them.
type pushing struct {
	agent fleet.AgentID
	order api.PushOrder
}

// choosePush looks for the devices that a push is for and puts into the command how
// many they are. It returns nil for other commands.
func (a *Agent) choosePush(ctx context.Context, cmd *steer.Command) (*pushing, error) {
	if cmd.Kind != steer.KindPush {
		return nil, nil
	}
	s := a.machine.State()
	site := string(cmd.Site)
	if cmd.Service != "" && (s.Fleet == nil || s.Fleet.Service(cmd.Service) == nil) {
		return nil, &api.Error{Category: api.Invalid, Field: "service", Message: fmt.Sprintf("the fleet has no service %q", cmd.Service), Hint: "sipsteer status   # lists the services"}
	}
	list, err := a.Stragglers(ctx, site)
	if err != nil {
		return nil, err
	}
	gates, err := a.Gates(ctx)
	if err != nil {
		return nil, err
	}
	g := slices.IndexFunc(gates, func(g api.GateReport) bool { return g.Site == site && g.Problem == "" })
	if g < 0 {
		return nil, &api.Error{Category: api.Unreachable, Message: fmt.Sprintf("the agent of %s is not reachable; only its gate knows who comes there", site), Hint: "sipsteer status   # shows which agents are reachable"}
	}
	if list.Gate == gate.Open.String() {
		return nil, &api.Error{Category: api.Invalid, Field: "site", Message: fmt.Sprintf("%s is open: nobody is asked to leave it", site), Hint: fmt.Sprintf("sipsteer drain %s --reason … --for 2h   # first", site)}
	}
	p := &pushing{agent: fleet.AgentID(gates[g].Agent), order: api.PushOrder{By: cmd.By, Reason: cmd.Reason, Targets: []api.PushTarget{}}}
	named := map[string]bool{}
	for _, d := range cmd.Push.Devices {
		named[d] = false
	}
	for _, x := range list.Items {
		_, is := named[x.AoR]
		switch {
		case len(named) > 0 && !is, !within(x.AoR, *cmd, s):
			continue
		case is:
			named[x.AoR] = true
		}
		if is || x.RegisteredAt == "" && x.Asked == nil && !x.Trunk { // why not, is said of those that are named
			p.order.Targets = append(p.order.Targets, api.PushTarget{AoR: x.AoR, Source: x.Source})
		}
	}
	for _, d := range cmd.Push.Devices {
		if !named[d] {
			return nil, &api.Error{Category: api.Invalid, Field: "devices", Message: fmt.Sprintf("%q is none of those that still come to %s", d, site), Hint: "sipsteer stragglers " + site + "   # lists them; only who was seen there is asked"}
		}
	}
	cmd.Push.Count, cmd.Push.Calls = len(p.order.Targets), gates[g].Calls
	return p, nil
}

// within reports whether a device belongs to the service and the tenants that a
// command is about.
func within(aor string, cmd steer.Command, s steer.State) bool {
	if cmd.Service == "" && cmd.Cohort.IsZero() {
		return true
	}
	_, domain, ok := strings.Cut(aor, "@")
	if !ok {
		domain = aor
	}
	svc, bucket, ok := placeOf(domain, s)
	return ok && (cmd.Service == "" || svc == cmd.Service) && (cmd.Cohort.IsZero() || cmd.Cohort.Has(bucket))
}

// sendPush has the gate ask the devices, after the State knows of it.
func (a *Agent) sendPush(ctx context.Context, p *pushing) (*api.PushAnswer, error) {
	if p == nil {
		return nil, nil
	}
	if p.agent == a.cfg.Name {
		out, err := a.OwnPush(ctx, p.order)
		return &out, err
	}
	c, ok := a.client(p.agent)
	if !ok {
		return nil, fmt.Errorf("%s is no peer of %s", p.agent, a.cfg.Name)
	}
	out, err := c.OwnPush(ctx, p.order)
	return &out, err
}

// OwnPush implements api.GateBackend.
func (a *Agent) OwnPush(_ context.Context, o api.PushOrder) (api.PushAnswer, error) {
	out := api.PushAnswer{Skipped: []api.PushSkip{}}
	if a.gate == nil {
		return out, &api.Error{Category: api.Invalid, Field: "site", Message: "this agent has no gate", Hint: "gate, in the agent's file"}
	}
	wanted := map[api.PushTarget]bool{}
	for _, t := range o.Targets {
		src, err := netip.ParseAddrPort(t.Source)
		if err != nil {
			return out, &api.Error{Category: api.Invalid, Field: "source", Message: err.Error()}
		}
		wanted[api.PushTarget{AoR: t.AoR, Source: src.Addr().String()}] = true // the port may be another by now
	}
	asked, skipped, err := a.gate.Ask(func(aor string, src netip.AddrPort) bool {
		return wanted[api.PushTarget{AoR: aor, Source: src.Addr().String()}]
	})
	if errors.Is(err, gate.ErrAsking) {
		return out, &api.Error{Category: api.Refused, Message: "the gate is asking devices already", Hint: "sipsteer gate status " + string(a.cfg.Site) + "   # until none is waiting"}
	}
	if err != nil {
		return out, err
	}
	a.log.Info().Str("by", o.By).Str("reason", o.Reason).Int("asked", asked).Int("skipped", len(skipped)).Msg("devices are asked to look again")
	out.Asked = asked
	for _, s := range skipped {
		out.Skipped = append(out.Skipped, api.PushSkip{AoR: s.AoR, Source: s.Source.String(), Why: string(s.Why)})
	}
	return out, nil
}

// askedText is what came of asking a straggler, in a word or a status.
func askedText(x gate.Asked) string {
	switch x.State {
	case gate.AskWaiting:
		return "waiting"
	case gate.AskAnswered:
		return fmt.Sprint(x.Status)
	case gate.AskSilent:
		return "silence"
	case gate.AskGone:
		return "not reached"
	}
	return ""
}
