package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Random makes a short scenario out of a seed: a fleet of two to five sites with
// some policy, a few phones, faults that overlap, and operators who are not
// careful. It is for checking rules, not for measuring.
func Random(seed int64) Config {
	r := &roller{rand.New(rand.NewPCG(uint64(seed), 0x0dd5))}
	f := r.fleet()
	minutes := 3 + r.IntN(8)
	sc := Scenario{
		Format: Format, Name: fmt.Sprintf("random-%d", seed), Seed: seed, Fleet: "random",
		Length: fleet.Duration(time.Duration(minutes) * time.Minute),
	}
	if r.IntN(2) == 0 {
		sc.Canaries = []health.Kind{health.TLS, health.Register}
	}
	kinds := Kinds()
	for i := range 1 + r.IntN(3) {
		svc := &f.Services[r.IntN(len(f.Services))]
		p := Phones{
			Name: fmt.Sprintf("g%d", i), Kind: kinds[r.IntN(len(kinds))], Service: svc.Name,
			Transport: svc.Transports[r.IntN(len(svc.Transports))], Count: 1 + r.IntN(5),
		}
		if p.Kind == KindPinned {
			p.Site = svc.Sites[0]
		}
		if r.IntN(2) == 0 {
			p.Tenants = 1 + r.IntN(5)
		}
		sc.Phones = append(sc.Phones, p)
	}
	for range r.IntN(6) {
		sc.Faults = append(sc.Faults, r.fault(&f, sc))
	}
	for range r.IntN(8) {
		sc.Operators = append(sc.Operators, r.order(&f, sc))
	}
	r.work(&f, &sc)
	return Config{Scenario: sc, Fleet: f}
}

// work stops the softswitches of sites that are drained, as people do who drain a
// site to work there, and sometimes before, or longer than the drain lasts. Often
// another site fails meanwhile.
func (r *roller) work(f *fleet.Fleet, sc *Scenario) {
	if r.IntN(3) == 0 {
		sc.Operators = append(sc.Operators, Order{
			At: r.time(*sc) / 2, Do: string(steer.KindDrain), Site: r.site(f), Now: true, For: fleet.Duration(60+r.IntN(600)) * fleet.Duration(time.Second),
			Override: []string{"one-at-a-time", "min-sites", "target-proven", "capacity"},
		})
	}
	for _, o := range sc.Operators {
		if o.Do != string(steer.KindDrain) || r.IntN(2) == 0 {
			continue
		}
		x := Fault{At: o.At + fleet.Duration(r.IntN(120)-10)*fleet.Duration(time.Second), Fault: FaultDown, Site: o.Site, Transport: o.Transport}
		x.For = fleet.Duration(10+r.IntN(300)) * fleet.Duration(time.Second)
		other := Fault{At: x.At + fleet.Duration(r.IntN(60))*fleet.Duration(time.Second), Fault: FaultDown, Site: r.site(f), Transport: o.Transport, For: x.For}
		for _, x := range []Fault{x, other}[:1+r.IntN(2)] {
			if x.At >= 0 && x.At < sc.Length {
				sc.Faults = append(sc.Faults, x)
			}
		}
	}
}

type roller struct{ *rand.Rand }

func (r *roller) time(sc Scenario) fleet.Duration {
	return fleet.Duration(r.Int64N(int64(sc.Length)/int64(time.Second))) * fleet.Duration(time.Second)
}

func (r *roller) site(f *fleet.Fleet) fleet.SiteID { return f.Sites[r.IntN(len(f.Sites))].Name }

func (r *roller) fault(f *fleet.Fleet, sc Scenario) Fault {
	kinds := FaultKinds()
	x := Fault{At: r.time(sc), Fault: kinds[r.IntN(len(kinds))], Site: r.site(f)}
	if r.IntN(3) > 0 {
		x.For = fleet.Duration(5+r.IntN(180)) * fleet.Duration(time.Second)
	}
	if r.IntN(3) == 0 {
		x.Transport = fleet.Transports[r.IntN(3)]
	}
	if x.Fault.followsPhones() {
		x.Site, x.Phones, x.Rate = "", sc.Phones[r.IntN(len(sc.Phones))].Name, 1+r.IntN(2000)
	}
	return x
}

func (r *roller) order(f *fleet.Fleet, sc Scenario) Order {
	o := Order{At: r.time(sc), Do: string(orderKinds[r.IntN(len(orderKinds))]), Site: r.site(f), Now: r.IntN(3) == 0}
	if r.IntN(3) == 0 {
		o.Service = f.Services[r.IntN(len(f.Services))].Name
	}
	if r.IntN(3) == 0 {
		o.Transport = fleet.Transports[r.IntN(3)]
	}
	o.For = fleet.Duration(1+r.IntN(600)) * fleet.Duration(time.Second)
	if o.Do == string(steer.KindFailover) && o.For.Seconds()%3 == 0 {
		o.For = 0 // until a failback
	}
	if r.IntN(4) == 0 {
		o.Cohort = []string{"5%", "0-49", "20-70", "99", "0-30,own"}[r.IntN(5)]
	}
	if r.IntN(3) == 0 {
		o.Pace = fleet.PaceCohorts
	}
	for _, rule := range []string{"one-at-a-time", "min-sites", "target-proven", "manual-back", "never-empty", "capacity", "fate-group", "heard"} {
		if r.IntN(4) == 0 {
			o.Override = append(o.Override, rule)
		}
	}
	return o
}

func (r *roller) fleet() fleet.Fleet {
	f := fleet.Fleet{Format: fleet.Format, Zone: "voice.example.net"}
	transports := []fleet.Transport{fleet.TLS, fleet.TCP, fleet.UDP}[r.IntN(3):]
	for i := range 2 + r.IntN(4) {
		addr := func(host byte) netip.Addr { return netip.AddrFrom4([4]byte{127, 10, byte(i + 1), host}) }
		s := fleet.Site{Name: fleet.SiteID(fmt.Sprintf("site%d", i)), Addresses: []netip.Addr{addr(2)}}
		if r.IntN(2) == 0 {
			s.Capacity = fleet.Capacity{RegisterRate: 1 + r.IntN(500), Registrations: 1 + r.IntN(20)}
		}
		if r.IntN(3) == 0 {
			s.FateGroups = []string{[]string{"storage", "carrier"}[r.IntN(2)]}
		}
		for n := range 1 + r.IntN(2) {
			sw := fleet.Softswitch{Name: fleet.SwitchID(fmt.Sprintf("sw%d%d", i, n))}
			for _, t := range transports {
				sw.Listeners = append(sw.Listeners, fleet.Listener{Transport: t, Address: netip.AddrPortFrom(addr(byte(3+n)), t.DefaultPort())})
			}
			s.Softswitches = append(s.Softswitches, sw)
		}
		f.Sites = append(f.Sites, s)
		f.NameServers = append(f.NameServers, fleet.NameServer{Name: fmt.Sprintf("ns%d", i), Addresses: []netip.Addr{addr(1)}})
	}
	grades := []fleet.Automation{fleet.AutomationAct, fleet.AutomationAct, fleet.AutomationAct, fleet.AutomationAdvise, fleet.AutomationOff}
	for i := range 1 + r.IntN(3) {
		svc := fleet.Service{
			Name: fleet.ServiceID(fmt.Sprintf("svc%d.voice.example.net", i)), Transports: transports,
			Automation: grades[r.IntN(len(grades))],
		}
		for _, n := range r.Perm(len(f.Sites))[:1+r.IntN(len(f.Sites))] {
			svc.Sites = append(svc.Sites, f.Sites[n].Name)
		}
		if r.IntN(2) == 0 {
			svc.Load = fleet.Load{Registrations: 1 + r.IntN(15)}
		}
		if len(svc.Sites) > 2 && r.IntN(3) == 0 {
			svc.Shares = []fleet.Share{{Site: svc.Sites[0], Weight: 1 + r.IntN(100)}, {Site: svc.Sites[1], Weight: 1 + r.IntN(100)}}
		}
		f.Services = append(f.Services, svc)
	}
	f.Policy = fleet.Policy{
		MaxSitesOut: 1 + r.IntN(min(2, len(f.Sites)-1)), MinSites: 1, Block: fleet.Duration(time.Duration(1+r.IntN(300)) * time.Second),
		RegistrationPeriod: fleet.Duration(time.Duration(10+r.IntN(60)) * time.Second),
		CommonCauseWindow:  fleet.Duration(time.Duration(1+r.IntN(120)) * time.Second),
		TTLNormal:          fleet.Duration(time.Duration(10+r.IntN(60)) * time.Second), TTLEvent: fleet.Duration(10 * time.Second),
	}
	return f.WithDefaults()
}
