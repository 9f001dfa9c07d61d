package steer_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// small is every State that one service with three sites over UDP can come to,
// with leaders that die before, in and after their proposals. It is explored
// exhaustively to a depth. Two disasters of a well-known failover tool are what
// it looks for: a failover that was begun and not done, and kept every other
// from starting; and a block that ran out while another recovery was under way,
// so that both ran.
type small struct {
	state    steer.State
	verdicts []health.Verdict
	now      time.Time
	settled  bool
	pending  []steer.Command // of a leader that died: in the log, or lost
}

// tick is half of a block, and far more than the common-cause window.
const tick = 30 * time.Minute

func newSmall(t *testing.T) small {
	f := fleet.Fleet{Format: fleet.Format, Zone: "v.example.net"}
	for i, name := range []fleet.SiteID{"a", "b", "c"} {
		addr := func(host byte) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, byte(i), host}) }
		f.NameServers = append(f.NameServers, fleet.NameServer{Name: "ns" + string(name), Addresses: []netip.Addr{addr(1)}})
		f.Sites = append(f.Sites, fleet.Site{Name: name, Addresses: []netip.Addr{addr(2)}, Softswitches: []fleet.Softswitch{{
			Name: fleet.SwitchID(name + "1"), Listeners: []fleet.Listener{{Transport: fleet.UDP, Address: netip.AddrPortFrom(addr(3), 5060)}},
		}}})
	}
	f.Services = []fleet.Service{{
		Name: "s.v.example.net", Sites: []fleet.SiteID{"a", "b", "c"}, Transports: []fleet.Transport{fleet.UDP}, Automation: fleet.AutomationAct,
	}}
	f.Policy.Block = fleet.Duration(2 * tick)
	m := small{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), settled: true}
	var err error
	if m.state, _, err = steer.Apply(steer.New(), steer.Command{Version: 1, Kind: steer.KindSetFleet, At: m.now, By: "t", Fleet: &f}); err != nil {
		t.Fatal(err)
	}
	for _, s := range f.Sites {
		c := health.Check{Target: health.Target{Site: s.Name, Switch: s.Softswitches[0].Name, Transport: fleet.UDP}, Kind: health.Options}
		m.verdicts = append(m.verdicts, health.Verdict{Check: c, Status: health.Up, Since: m.now})
	}
	m.state, _, _ = steer.ApplyAll(m.state, m.decide())
	return m
}

func (m *small) decide() []steer.Command {
	return steer.Decide(m.state, steer.Input{Now: m.now, Verdicts: m.verdicts, Settled: m.settled})
}

// key is what makes two of them the same: times only by how far away they are.
func (m *small) key() string {
	var b strings.Builder
	age := func(t time.Time) int { return int(min(3, max(-3, m.now.Sub(t)/tick))) }
	for _, v := range m.verdicts {
		fmt.Fprintf(&b, "%s%d ", v.Status, age(v.Since))
	}
	for _, v := range m.state.Verdicts {
		fmt.Fprintf(&b, "%s%d ", v.Status, age(v.Since))
	}
	for _, o := range m.state.Outs {
		fmt.Fprintf(&b, "out %s %d ", o.Site, age(o.Since))
	}
	for _, x := range m.state.Blocks {
		fmt.Fprintf(&b, "block %s %d ", x.Site, age(x.Until))
	}
	for _, x := range m.state.Brakes {
		fmt.Fprintf(&b, "brake %v ", x.Sites)
	}
	for _, c := range m.pending {
		fmt.Fprintf(&b, "pending %s %s ", c.Kind, c.Site)
		for _, v := range c.Verdicts {
			fmt.Fprintf(&b, "%s %s %d ", v.Check.Site, v.Status, age(v.Since))
		}
	}
	fmt.Fprintf(&b, "%v", m.settled)
	return b.String()
}

// apply carries commands out, and looks at each removal.
func (m *small) apply(cmds []steer.Command) error {
	for _, c := range cmds {
		before := m.state
		after, _, _ := steer.Apply(before, c) // a refusal is an outcome
		m.state = after
		for _, o := range after.Outs {
			if o.By != steer.AutomationOwner || slices.ContainsFunc(before.Outs, func(x steer.Out) bool { return x.Slot == o.Slot }) {
				continue
			}
			for _, b := range before.Blocks {
				if b.Site != o.Site && b.Until.After(m.now) {
					return fmt.Errorf("double failover: %s taken out while the block after %s holds", o.Site, b.Site)
				}
			}
			if len(before.Outs) > 0 {
				return fmt.Errorf("double failover: %s taken out while %s is out", o.Site, before.Outs[0].Site)
			}
		}
		if c.Kind != steer.KindWithdraw && len(after.Blocks) > len(before.Blocks) {
			return fmt.Errorf("%s began a block without having moved anything", c.Kind)
		}
	}
	return nil
}

// stuck: exactly one site is down, it is answered, nothing is out, and no rule
// has a reason to wait; then a settled leader must act.
func (m *small) stuck() error {
	down := 0
	for _, v := range m.verdicts {
		if v.Status == health.Down {
			down++
		}
	}
	blocked := slices.ContainsFunc(m.state.Blocks, func(b steer.Block) bool { return b.Until.After(m.now) })
	if down != 1 || len(m.state.Outs) > 0 || blocked || len(m.state.Brakes) > 0 {
		return nil
	}
	sure := *m
	sure.settled = true
	if err := sure.apply(sure.decide()); err != nil {
		return err
	}
	if len(sure.state.Outs) != 1 {
		return fmt.Errorf("stuck: one site is down, nothing is out or blocked, and the leader does nothing")
	}
	return nil
}

type move struct {
	name string
	do   func(m *small) error
}

func moves() []move {
	list := []move{
		{"decide", func(m *small) error { return m.apply(m.decide()) }},
		{"leader dies in its proposal", func(m *small) error {
			if m.pending == nil {
				m.pending = m.decide()
			}
			m.settled = false
			return nil
		}},
		{"the dead leader's entry is applied", func(m *small) error {
			cmds := m.pending
			m.pending = nil
			return m.apply(cmds)
		}},
		{"the dead leader's entry is lost", func(m *small) error { m.pending = nil; return nil }},
		{"the new leader has listened", func(m *small) error { m.settled = true; return nil }},
		{"half of a block passes", func(m *small) error { m.now = m.now.Add(tick); return nil }},
		{"ack", func(m *small) error {
			return m.apply([]steer.Command{{Version: 1, Kind: steer.KindAck, At: m.now, By: "alice", Reason: "seen"}})
		}},
	}
	for i, site := range []fleet.SiteID{"a", "b", "c"} {
		list = append(list, move{"turn " + string(site), func(m *small) error {
			m.verdicts = slices.Clone(m.verdicts)
			v := &m.verdicts[i]
			v.Status, v.Since, v.Cause = health.Up+health.Down-v.Status, m.now, health.CauseTimeout
			return nil
		}}, move{"failback " + string(site), func(m *small) error {
			return m.apply([]steer.Command{{Version: 1, Kind: steer.KindFailback, At: m.now, By: "alice", Reason: "well", Site: site, Now: true, Override: []steer.Rule{steer.RuleManualBack}}})
		}})
	}
	return list
}

// TestNoDoubleAndNoStuckFailover walks through all of them.
func TestNoDoubleAndNoStuckFailover(t *testing.T) {
	depth := 7 // make sim; the race detector slows it tenfold, and there is nothing concurrent
	if raceEnabled || testing.Short() {
		depth = 5
	}
	type node struct {
		m    small
		path []string
	}
	seen := map[string]bool{}
	layer := []node{{m: newSmall(t)}}
	for range depth {
		var next []node
		for _, n := range layer {
			for _, mv := range moves() {
				m := n.m
				path := append(slices.Clone(n.path), mv.name)
				if err := mv.do(&m); err != nil {
					t.Fatalf("%v\nafter: %s", err, strings.Join(path, "; "))
				}
				k := m.key()
				if seen[k] {
					continue
				}
				seen[k] = true
				if err := m.stuck(); err != nil {
					t.Fatalf("%v\nafter: %s", err, strings.Join(path, "; "))
				}
				next = append(next, node{m, path})
			}
		}
		layer = next
	}
	t.Logf("%d States to a depth of %d", len(seen), depth)
	if len(seen) < 1000 {
		t.Errorf("only %d States were reached", len(seen))
	}
}
