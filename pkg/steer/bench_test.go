package steer_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// large is a fleet of 50 services at 12 sites over 3 transports, in the middle
// of things: a site is down, another is drained.
func large(tb testing.TB) (steer.State, steer.Input) {
	tb.Helper()
	f := fleet.Fleet{Format: fleet.Format, Zone: "v.example.net"}
	transports := []fleet.Transport{fleet.TLS, fleet.TCP, fleet.UDP}
	var order []fleet.SiteID
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var vs []health.Verdict
	for i := range 12 {
		addr := func(host byte) netip.Addr { return netip.AddrFrom4([4]byte{127, 11, byte(i), host}) }
		id := fleet.SiteID(fmt.Sprintf("site%02d", i))
		order = append(order, id)
		sw := fleet.Softswitch{Name: fleet.SwitchID(fmt.Sprintf("sw%02d", i))}
		for _, t := range transports {
			sw.Listeners = append(sw.Listeners, fleet.Listener{Transport: t, Address: netip.AddrPortFrom(addr(3), t.DefaultPort())})
			c := health.Check{Target: health.Target{Site: id, Switch: sw.Name, Transport: t}, Kind: health.Options}
			vs = append(vs, health.Verdict{Check: c, Status: health.Up, Since: now})
		}
		f.Sites = append(f.Sites, fleet.Site{Name: id, Addresses: []netip.Addr{addr(2)}, Softswitches: []fleet.Softswitch{sw}})
		f.NameServers = append(f.NameServers, fleet.NameServer{Name: fmt.Sprintf("ns%d", i), Addresses: []netip.Addr{addr(1)}})
	}
	for i := range 50 {
		sites := append(append([]fleet.SiteID{}, order[i%12:]...), order[:i%12]...)
		f.Services = append(f.Services, fleet.Service{
			Name: fleet.ServiceID(fmt.Sprintf("s%02d.v.example.net", i)), Sites: sites, Transports: transports, Automation: fleet.AutomationAct,
		})
	}
	f.Policy.MaxSitesOut = 2
	apply := func(s steer.State, c steer.Command) steer.State {
		c.Version, c.At, c.By, c.Reason = 1, now, "bench", "bench"
		s, _, err := steer.Apply(s, c)
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
	s := apply(steer.New(), steer.Command{Kind: steer.KindSetFleet, Fleet: &f})
	s = apply(s, steer.Command{Kind: steer.KindVerdicts, Verdicts: vs})
	s = apply(s, steer.Command{Kind: steer.KindDrain, Site: "site03", Now: true, For: fleet.Duration(time.Hour)})
	for i := range vs {
		if vs[i].Check.Site == "site07" {
			vs[i].Status, vs[i].Cause, vs[i].Since = health.Down, health.CauseTimeout, now
		}
	}
	return s, steer.Input{Now: now.Add(time.Second), Verdicts: vs, Settled: true}
}

// BenchmarkDecideInPeace is what the leader does each second: nothing is to do.
func BenchmarkDecideInPeace(b *testing.B) {
	s, in := large(b)
	for _, c := range steer.Decide(s, in) {
		s, _, _ = steer.Apply(s, c)
	}
	b.ReportAllocs()
	for b.Loop() {
		if cmds := steer.Decide(s, in); len(cmds) > 0 {
			b.Fatal(cmds[0].Kind)
		}
	}
}

// BenchmarkDecideAndRecords is the way of one decision: a site has failed, it is
// withdrawn, and the new zone is derived.
func BenchmarkDecideAndRecords(b *testing.B) {
	s, in := large(b)
	b.ReportAllocs()
	for b.Loop() {
		cmds := steer.Decide(s, in)
		if len(cmds) != 2 {
			b.Fatalf("%d commands", len(cmds))
		}
		zone := steer.Records(s)
		if len(zone.Sets) == 0 {
			b.Fatal("no zone")
		}
	}
}

// BenchmarkRecords derives the zone.
func BenchmarkRecords(b *testing.B) {
	s, _ := large(b)
	b.ReportAllocs()
	for b.Loop() {
		steer.Records(s)
	}
}

// BenchmarkApplyWithdraw is one replica's part of a decision.
func BenchmarkApplyWithdraw(b *testing.B) {
	s, in := large(b)
	cmds := steer.Decide(s, in)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := steer.ApplyAll(s, cmds); err != nil {
			b.Fatal(err)
		}
	}
}
