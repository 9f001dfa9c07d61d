package plan

import (
	"math"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// gateSpread is the time over which a gate closes the idle connections of a
// site that is drained at once: so fast their phones arrive elsewhere.
const gateSpread = 10 * time.Second

// SiteLoad is what a site carries before and after, by the loads that the fleet
// file states, and what arrives there on the way.
type SiteLoad struct {
	Site          fleet.SiteID   `json:"site"`
	Before        steer.SiteLoad `json:"before"`
	After         steer.SiteLoad `json:"after"`
	RegisterPeak  float64        `json:"register_peak"`  // REGISTER/s while phones arrive
	HandshakePeak float64        `json:"handshake_peak"` // TLS handshakes/s
	// Over lists what of the site's capacity is exceeded.
	Over []string `json:"over,omitempty"`
}

// Moved is how much is expected to move, and how fast.
type Moved struct {
	Registrations float64 `json:"registrations"`
	Calls         float64 `json:"calls"` // that will be made elsewhere; those that are up stay
	// To95 is the time until 95 % of the phones that follow SRV have moved.
	To95 fleet.Duration `json:"to_95"`
}

// part is what one transport of one service brings to a site.
type part struct {
	registrations, calls float64
	stream, tls          bool
}

// partsOf spreads the loads over the sites, each service's evenly over its
// transports.
func partsOf(s steer.State) map[fleet.SiteID][]part {
	out := map[fleet.SiteID][]part{}
	for i := range s.Fleet.Services {
		svc := &s.Fleet.Services[i]
		if svc.Load == (fleet.Load{}) {
			continue
		}
		n := float64(len(svc.Transports))
		for _, p := range steer.Parts(s, svc) {
			for _, t := range svc.Transports {
				spread := Shares(p.Answers[t])
				for _, site := range svc.Sites {
					share := float64(spread[site]) / 100 / n * p.Portion
					out[site] = append(out[site], part{share * float64(svc.Load.Registrations), share * float64(svc.Load.Calls), t.Stream(), t.Secure()})
				}
			}
		}
	}
	return out
}

func sum(parts []part, of func(part) float64) (total float64) {
	for _, p := range parts {
		total += of(p)
	}
	return total
}

func streams(p part) float64 {
	if p.stream {
		return p.registrations
	}
	return 0
}

func secure(p part) float64 {
	if p.tls {
		return p.registrations
	}
	return 0
}

// addLoads says what moves, and whether it fits.
func (p *Plan) addLoads(before, after steer.State) {
	if before.Fleet == nil || after.Fleet == nil {
		return
	}
	was, is := partsOf(before), partsOf(after)
	if len(was)+len(is) == 0 {
		return
	}
	m := Moved{To95: fleet.Duration(p.to95(before))}
	b, a := steer.Loads(before), steer.Loads(after)
	for i := range after.Fleet.Sites {
		site := &after.Fleet.Sites[i]
		l := SiteLoad{Site: site.Name, Before: b[site.Name], After: a[site.Name]}
		l.RegisterPeak = steer.RegisterRate(after.Fleet, l.After.Registrations)
		arrive := max(0, sum(is[site.Name], streams)-sum(was[site.Name], streams))
		shake := max(0, sum(is[site.Name], secure)-sum(was[site.Name], secure))
		within := after.Fleet.Policy.RegistrationPeriod.D()
		if p.sudden() {
			within = min(within, gateSpread)
			l.RegisterPeak += arrive / within.Seconds()
		}
		l.HandshakePeak = shake / within.Seconds()
		l.Over = steer.Over(after.Fleet, site, l.After)
		if c := site.Capacity; c.RegisterRate > 0 && l.RegisterPeak > float64(c.RegisterRate) && !slices.ContainsFunc(l.Over, isRate) {
			l.Over = append(l.Over, ratio(l.RegisterPeak, c.RegisterRate)+" REGISTER/s while phones arrive")
		}
		if c := site.Capacity; c.TLSHandshakeRate > 0 && l.HandshakePeak > float64(c.TLSHandshakeRate) {
			l.Over = append(l.Over, ratio(l.HandshakePeak, c.TLSHandshakeRate)+" TLS handshakes/s while phones arrive")
		}
		m.Registrations += max(0, l.Before.Registrations-l.After.Registrations)
		m.Calls += max(0, l.Before.Calls-l.After.Calls)
		p.Loads = append(p.Loads, l)
	}
	if m.Registrations+m.Calls > 0 {
		p.Moved = &m
	}
}

// sudden: the gate refuses everything at once, and closes connections. For a part
// it closes none.
func (p *Plan) sudden() bool {
	return slices.ContainsFunc(p.Gates, func(g GateChange) bool { return g.Service == "" && g.After == refusesAll })
}

// to95 is the time until 95 % of the phones have moved that honour TTLs and ask
// once in a registration period. Where the gate refuses at once, each moves when
// it asks next. Else it must first find new answers: the sum of two times, each
// evenly spread. What comes back in steps has come with the last one.
func (p *Plan) to95(before steer.State) time.Duration {
	period := before.Fleet.Policy.RegistrationPeriod.D()
	if p.sudden() {
		return period * 95 / 100
	}
	var last time.Duration
	if p.Command.Kind == steer.KindFailback || p.Command.Kind == steer.KindUndrain {
		for _, s := range p.Steps {
			last = max(last, s.After.D())
		}
	}
	return last + quantile95(p.Horizon.D(), period)
}

// quantile95 is what the sum of two evenly spread times stays below in 95 of 100
// cases.
func quantile95(a, b time.Duration) time.Duration {
	x, y := min(a.Seconds(), b.Seconds()), max(a.Seconds(), b.Seconds())
	s := x + y - math.Sqrt(2*x*y*0.05)
	if s < y { // the shorter one hardly matters
		s = 0.95*y + x/2
	}
	return time.Duration(s * float64(time.Second)).Round(time.Second)
}
