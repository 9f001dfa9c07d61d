package steer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// dumb is the policy written down a second time, from the design, without
// views, increments or shared code: it looks through everything for every
// question. It says what automation takes out, and what is answered.
type dumb struct {
	s   steer.State
	now time.Time
	// bucket is whose answers are looked at: fleet.OwnName is nobody's.
	bucket int
	// taken are the slots that it has taken out itself.
	taken map[steer.Slot]bool
}

func newDumb(s steer.State, now time.Time) *dumb {
	return &dumb{s: s, now: now, bucket: fleet.OwnName, taken: map[steer.Slot]bool{}}
}

// among reports whether the bucket is in a cohort; an empty one is everyone.
func (d *dumb) among(c fleet.Cohort) bool { return c.IsZero() || c.Has(d.bucket) }

func (d *dumb) out(s steer.Slot) bool {
	for _, o := range d.s.Outs {
		if o.Slot == s && d.among(o.Cohort) {
			return true
		}
	}
	return d.taken[s]
}

// forEach looks as every bucket does, one after the other, and reports whether
// all say yes.
func (d *dumb) forEach(yes func() bool) bool {
	was := d.bucket
	defer func() { d.bucket = was }()
	first := 0
	if d.allAlike() {
		first = fleet.OwnName
	}
	for d.bucket = first; d.bucket <= fleet.OwnName; d.bucket++ {
		if !yes() {
			return false
		}
	}
	return true
}

// allAlike reports whether no intent tells the tenants apart.
func (d *dumb) allAlike() bool {
	for _, dr := range d.s.Drains {
		if !dr.Cohort.IsZero() {
			return false
		}
	}
	for _, o := range d.s.Outs {
		if !o.Cohort.IsZero() {
			return false
		}
	}
	for _, f := range d.s.Failbacks {
		if !f.Cohort.IsZero() || f.Pace != "" {
			return false
		}
	}
	return true
}

// status of a transport at a site: of each softswitch that has it the worst
// check counts; the site is up with any softswitch that is up, down when all
// are.
func (d *dumb) status(site fleet.SiteID, t fleet.Transport) health.Status {
	all, down, up := 0, 0, 0
	for _, sw := range d.s.Fleet.Site(site).Softswitches {
		has := false
		for _, l := range sw.Listeners {
			has = has || l.Transport == t
		}
		if !has {
			continue
		}
		all++
		anyDown, anyUp := false, false
		for _, v := range d.s.Verdicts {
			if v.Check.Site == site && v.Check.Switch == sw.Name && v.Check.Transport == t {
				anyDown = anyDown || v.Status == health.Down
				anyUp = anyUp || v.Status == health.Up
			}
		}
		switch {
		case anyDown:
			down++
		case anyUp:
			up++
		}
	}
	switch {
	case up > 0:
		return health.Up
	case all > 0 && down == all:
		return health.Down
	}
	return health.Unknown
}

func (d *dumb) drained(s steer.Slot, from steer.DrainStage) bool {
	for _, dr := range d.s.Drains {
		if dr.Site == s.Site && (dr.Service == "" || dr.Service == s.Service) && (dr.Transport == 0 || dr.Transport == s.Transport) && dr.Stage >= from && d.among(dr.Cohort) {
			return true
		}
	}
	return false
}

func (d *dumb) returning(s steer.Slot) int {
	most := 0
	for _, f := range d.s.Failbacks {
		if f.Site != s.Site || f.Step < 0 || !slices.Contains(f.Slots, s) || !d.among(f.Cohort) || !d.out(s) {
			continue
		}
		share := d.s.Fleet.Policy.FailbackSteps[min(f.Step, len(d.s.Fleet.Policy.FailbackSteps)-1)]
		if f.Pace == fleet.PaceCohorts && d.bucket != fleet.OwnName {
			share = d.broughtBack(f, s, share)
		}
		most = max(most, share)
	}
	return most
}

// broughtBack is 100 for a bucket among the first of those that are out, as many
// of them as the share is, and 0 for the others.
func (d *dumb) broughtBack(f steer.Failback, s steer.Slot, share int) int {
	was := d.bucket
	defer func() { d.bucket = was }()
	var out []int
	for d.bucket = 0; d.bucket < fleet.OwnName; d.bucket++ {
		if d.out(s) && d.among(f.Cohort) {
			out = append(out, d.bucket)
		}
	}
	if at := slices.Index(out, was); 100*at < share*len(out) {
		return 100
	}
	return 0
}

// gone: a drain past its announcement, or out and neither returning nor only
// announced.
func (d *dumb) gone(s steer.Slot) bool {
	if d.drained(s, steer.StageAnnounce) {
		return d.drained(s, steer.StageRegister) || d.out(s)
	}
	return d.out(s) && d.returning(s) == 0
}

func (d *dumb) leaving(s steer.Slot) bool {
	return d.drained(s, steer.StageAnnounce) && !d.gone(s)
}

// spreading causes, as the design lists them.
var spreading = []health.Cause{
	health.CauseStatus, health.CauseMalformed, health.CauseAuth, health.CauseBinding, health.CauseCertExpired,
	health.CauseCertName, health.CauseCertUntrust, health.CauseCertInvalid, health.CauseTLSRefused,
}

// failsSinceAChange: this and another site fail in the same way, and both did not
// when somebody changed the fleet or the tenants, at most an hour before this one.
func (d *dumb) failsSinceAChange(s steer.Slot) bool {
	failed := func(v health.Verdict) bool {
		return v.Status == health.Down && v.Maintenance == health.NoMaintenance && v.Check.Transport == s.Transport
	}
	for _, here := range d.s.Verdicts {
		if !failed(here) || here.Check.Site != s.Site {
			continue
		}
		var last *steer.Event
		for _, e := range d.s.Events {
			if (e.Kind == steer.EventFleet || e.Kind == steer.EventTenants) && e.By != steer.AutomationOwner && e.Epoch > 1 && !e.At.After(here.Since) {
				last = e
			}
		}
		if last == nil || here.Since.Sub(last.At) > time.Hour {
			continue
		}
		for _, other := range d.s.Verdicts {
			if failed(other) && other.Check.Kind == here.Check.Kind && other.Check.Site != s.Site && other.Since.After(last.At) && here.Since.After(last.At) {
				return true
			}
		}
	}
	return false
}

// mayGo is every reason for which automation keeps its hands off, in words.
func (d *dumb) mayGo(s steer.Slot) bool {
	svc := d.s.Fleet.Service(s.Service)
	if svc.Automation != fleet.AutomationAct {
		return false
	}
	for _, h := range d.s.Holds {
		if h.Service == "" || h.Service == s.Service {
			return false
		}
	}
	if d.failsSinceAChange(s) {
		return false
	}
	for _, b := range d.s.Brakes {
		if b.Transport == s.Transport && slices.Contains(b.Sites, s.Site) {
			return false
		}
	}
	for _, v := range d.s.Verdicts {
		if v.Check.Site == s.Site && v.Check.Transport == s.Transport && v.Status == health.Down && slices.Contains(spreading, v.Cause) &&
			d.now.Sub(v.Since) < d.s.Fleet.Checks.Interval.D()+d.s.Fleet.Checks.Timeout.D() {
			return false
		}
	}
	recent, worse := 0, false
	for _, m := range d.s.Moves {
		if d.now.Sub(m.At) < time.Hour {
			recent++
		}
	}
	for _, o := range d.s.Outs {
		worse = worse || o.Site == s.Site && o.By == steer.AutomationOwner
	}
	if recent >= d.s.Fleet.Policy.MaxMovesPerHour && !worse {
		return false
	}
	for _, b := range d.s.Blocks {
		if b.Service == s.Service && b.Site != s.Site && d.now.Before(b.Until) {
			return false
		}
	}
	if !d.forEach(func() bool { return d.enoughStays(svc, s) }) {
		return false
	}
	away := map[fleet.SiteID]bool{}
	for _, o := range d.s.Outs {
		away[o.Site] = true
	}
	for o := range d.taken {
		away[o.Site] = true
	}
	for _, dr := range d.s.Drains {
		away[dr.Site] = true
	}
	delete(away, s.Site)
	return len(away) < d.s.Fleet.Policy.MaxSitesOut
}

// enoughStays: what is left without a slot is enough, and one of it is up.
func (d *dumb) enoughStays(svc *fleet.Service, s steer.Slot) bool {
	stays, up := 0, 0
	for _, site := range svc.Sites {
		other := steer.Slot{Service: s.Service, Site: site, Transport: s.Transport}
		if site == s.Site || !d.s.Fleet.Site(site).Serves(s.Transport) || d.gone(other) || d.leaving(other) {
			continue
		}
		stays++
		if d.status(site, s.Transport) == health.Up {
			up++
		}
	}
	return stays >= d.s.Fleet.ServiceMinSites(svc) && stays > 0 && up > 0
}

// takesOut goes through the sites in the file's order; what one site loses
// counts for the next.
func (d *dumb) takesOut() []steer.Slot {
	var all []steer.Slot
	for _, site := range d.s.Fleet.SiteIDs() {
		var leave []steer.Slot
		for _, svc := range d.s.Fleet.Services {
			for _, t := range svc.Transports {
				s := steer.Slot{Service: svc.Name, Site: site, Transport: t}
				if slices.Contains(svc.Sites, site) && d.s.Fleet.Site(site).Serves(t) && !d.forEach(func() bool { return d.gone(s) }) && d.status(site, t) == health.Down && d.mayGo(s) {
					leave = append(leave, s)
				}
			}
		}
		for _, s := range leave {
			if d.forEach(func() bool { return d.out(s) }) {
				continue // it was out already and on its way back
			}
			d.taken[s] = true
			d.s.Blocks = append(slices.Clone(d.s.Blocks), steer.Block{Service: s.Service, Site: s.Site, Since: d.now, Until: d.now.Add(d.s.Fleet.Policy.Block.D())})
			all = append(all, s)
		}
	}
	return all
}

// answer is the set of one service and transport, as text.
func (d *dumb) answer(svc *fleet.Service, t fleet.Transport) string {
	var sites []fleet.SiteID
	for _, s := range svc.Sites {
		if d.s.Fleet.Site(s).Serves(t) {
			sites = append(sites, s)
		}
	}
	slot := func(s fleet.SiteID) steer.Slot { return steer.Slot{Service: svc.Name, Site: s, Transport: t} }
	none := true
	best := -1
	for i, s := range sites {
		none = none && d.gone(slot(s))
		if best < 0 && !d.gone(slot(s)) && !d.leaving(slot(s)) && d.returning(slot(s))%100 == 0 {
			best = i
		}
	}
	var lines []string
	taken := 0
	for i, s := range sites {
		priority, weight := 10*(i+1), 100
		back := d.returning(slot(s))
		if back == 100 {
			back = 0 // wholly
		}
		switch {
		case d.gone(slot(s)) && !none:
			continue
		case d.gone(slot(s)):
		case d.leaving(slot(s)):
			priority += d.s.Fleet.Policy.DrainPriority
		case back > 0 && i < best:
			priority, weight = 10*(best+1), back
			taken += back
		}
		lines = append(lines, fmt.Sprintf("%05d %05d %s", priority, 99999-weight, s))
	}
	if taken > 0 {
		for i, l := range lines {
			if strings.HasSuffix(l, " "+string(sites[best])) {
				lines[i] = fmt.Sprintf("%05d %05d %s", 10*(best+1), 99999-max(1, 100-taken), sites[best])
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func answerOf(s steer.State, svc *fleet.Service, t fleet.Transport, bucket int) string {
	var lines []string
	parts := steer.Parts(s, svc)
	i := slices.IndexFunc(parts, func(p steer.Part) bool { return p.Cohort.Has(bucket) })
	for _, x := range parts[i].Answers[t] {
		lines = append(lines, fmt.Sprintf("%05d %05d %s", x.Priority, 99999-int(x.Weight), x.Site))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestPolicyAgreesWithADumbOne compares both over the States that random
// operators, failures and time lead to.
func TestPolicyAgreesWithADumbOne(t *testing.T) {
	moved, compared := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := newModel().withTenants(t)
		m.decide(t)
		compare := func(t *rapid.T) {
			in := steer.Input{Now: m.now, Verdicts: m.verdicts, Settled: true}
			s := m.state
			var got []steer.Slot
			decided := false
			for _, c := range steer.Decide(m.state, in) {
				if c.Kind == steer.KindWithdraw && !decided {
					decided = true
					want := newDumb(s, m.now).takesOut()
					got = nil
					for _, w := range steer.Decide(s, in) {
						if w.Kind == steer.KindWithdraw {
							got = append(got, w.Slots...)
						}
					}
					if a, b := sortedSlots(got), sortedSlots(want); a != b {
						t.Fatalf("Decide takes out\n%s\nthe dumb one\n%s", a, b)
					}
					moved++
				}
				if c.Kind != steer.KindWithdraw {
					s, _, _ = steer.Apply(s, c)
				}
			}
			if !decided {
				if want := newDumb(s, m.now).takesOut(); len(want) > 0 {
					t.Fatalf("Decide takes nothing out, the dumb one %s", sortedSlots(want))
				}
			}
			m.decide(t)
			for i := range m.state.Fleet.Services {
				svc := &m.state.Fleet.Services[i]
				for _, tr := range svc.Transports {
					d := newDumb(m.state, m.now)
					for _, d.bucket = range m.buckets(t) {
						if a, b := answerOf(m.state, svc, tr, d.bucket), d.answer(svc, tr); a != b {
							t.Fatalf("%s over %s answers bucket %d\n%s\nthe dumb one\n%s", svc.Name, tr, d.bucket, a, b)
						}
						compared++
					}
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"operator": func(t *rapid.T) { _ = m.step(t, m.command(t)); compare(t) },
			"verdict":  func(t *rapid.T) { m.fail(t); compare(t) },
			"time": func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(1, 1800).Draw(t, "seconds")) * time.Second)
				compare(t)
			},
		})
	})
	if moved == 0 || compared == 0 {
		t.Errorf("%d moves and %d answers compared: nothing was tried", moved, compared)
	}
}

func sortedSlots(slots []steer.Slot) string {
	words := make([]string, len(slots))
	for i, s := range slots {
		words[i] = s.String()
	}
	slices.Sort(words)
	return strings.Join(words, "; ")
}
