package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/gate/divert"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// moody is a driver that works, or does not.
type moody struct{ broken atomic.Bool }

func (m *moody) Apply(context.Context, gate.Policy) error {
	if m.broken.Load() {
		return errors.New("no permission")
	}
	return nil
}

// TestGatesAreInTheHistory: what a driver comes to is in the State of every
// agent without anybody's command. The softswitches of this fleet are all dead:
// no gate may close by itself where no site is well, so none is said to have.
func TestGatesAreInTheHistory(t *testing.T) {
	m := &moody{}
	m.broken.Store(true)
	w := newWorld(t, func(c *Config) {
		c.Fleet.Checks.Interval, c.Fleet.Checks.Timeout, c.Fleet.Checks.Burst = 300e6, 100e6, 50e6
		if c.Site == "calgary" {
			c.Divert = &divert.Config{Driver: m, Transports: []fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS}, Every: 50 * time.Millisecond}
		}
	})
	words := func(a *Agent) (out []string) {
		for _, e := range a.machine.State().Events {
			if e.Kind == steer.EventGate {
				out = append(out, string(e.Site)+" "+e.Word)
			}
		}
		return out
	}
	know := func(want ...string) func() bool {
		return func() bool {
			return !slices.ContainsFunc(w.agents, func(a *Agent) bool { return !slices.Equal(words(a), want) })
		}
	}
	calgary := w.agents[0]
	w.eventually("every agent knows that the driver of calgary has failed", know("calgary driver-failed"))
	w.eventually("calgary's own checks find its softswitch dead", func() bool {
		now, _ := calgary.pub.served()
		return len(now.dead) > 0
	})
	m.broken.Store(false)
	w.eventually("and that it works again", know("calgary driver-failed", "calgary driver-works"))
	if e := calgary.effect(); e.Reflex || e.Gate != gate.Open.String() {
		t.Errorf("the gate is %s, closed by itself: %v", e.Gate, e.Reflex)
	}
	w.eventually("closed over TLS", func() bool { // unless a new State opens it between
		calgary.divert.SetPolicy(gate.Policy{Rules: map[fleet.Transport]gate.Rule{fleet.UDP: {}, fleet.TLS: {Mode: gate.Closed, Reason: "softswitch down"}}})
		calgary.waitEdge(t.Context())
		e := calgary.effect()
		return e.Reflex && e.Gates["tls"] == "closed" && e.Gate == "open"
	})
}

// TestGateWordOf: what is closed, and who still came when nothing is refused any
// more.
func TestGateWordOf(t *testing.T) {
	p := Peer{Name: "calgary-1", Site: "calgary"}
	since := time.Now()
	effect := func(udp, tls string) *peerEffect {
		return &peerEffect{Effect: api.Effect{Gate: "open", Gates: map[string]string{"udp": udp, "tls": tls}, Reflex: true, Edge: "trouble", Note: "instead"}}
	}
	s := stragglers{}
	s.count([]api.GateReport{
		{Agent: "calgary-1", Since: &since, Stragglers: 7},
		{Agent: "calgary-1", Stragglers: 9}, // does not refuse: of an earlier drain
		{Agent: "calgary-1", Since: &since, Problem: "not reachable"},
	})
	for _, c := range []struct {
		e    *peerEffect
		want string
	}{
		{effect("draining", "closed"), "[tls] 0"},
		{effect("draining", "draining"), "[] 0"},
		{effect("open", "open"), "[] 7"},
	} {
		w, ok := s.wordOf(p, c.e)
		got := fmt.Sprint(w.Reflex, w.Stragglers)
		if !ok || got != c.want || w.Trouble != "trouble" || w.Instead != "instead" || w.Site != "calgary" || w.Agent != "calgary-1" {
			t.Errorf("%v: %+v, want %s", c.e.Gates, w, c.want)
		}
	}
	for _, e := range []*peerEffect{{err: errors.New("cut off")}, {}} {
		if w, ok := s.wordOf(p, e); ok {
			t.Errorf("nothing is known, and yet: %+v", w)
		}
	}
}

// TestDriversAreTold: people hear of a site that cannot refuse, and not of every
// reflex: the incident says that already.
func TestDriversAreTold(t *testing.T) {
	s := healthy(t)
	for word, want := range map[string]string{
		steer.GateDriverFailed: "major", steer.GateFellBack: "minor", steer.GateDriverWorks: "", steer.GateReflex: "", steer.GateReflexOver: "", steer.GateStragglers: "", steer.GatePush: "",
	} {
		if got := severityOf(&s, &steer.Event{Kind: steer.EventGate, Word: word}); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}
