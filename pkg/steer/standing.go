package steer

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// Place is where a slot stands in the answers.
type Place uint8

// The places, from best to worst.
const (
	In        Place = iota // at its own priority
	Returning              // coming back with a share of the traffic
	Leaving                // at a worse priority, still serving
	Gone                   // not answered
)

var placeNames = [...]string{"in", "returning", "leaving", "out"}

// String returns in, returning, leaving or out.
func (p Place) String() string { return placeNames[p] }

// MarshalText implements encoding.TextMarshaler.
func (p Place) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Standing is a slot with its place, what is believed of it, and why.
type Standing struct {
	Slot
	Place  Place         `json:"place"`
	Share  int           `json:"share,omitempty"` // per cent, while Returning
	Status health.Status `json:"status"`
	Why    string        `json:"why,omitempty"`

	// rank is the place in the preference, from 0; sites that share one have the
	// same. weight is its part of it.
	rank, weight int
}

// Compare orders slots by service, site and transport.
func (a Slot) Compare(b Slot) int {
	return cmp.Or(
		strings.Compare(string(a.Service), string(b.Service)),
		strings.Compare(string(a.Site), string(b.Site)),
		cmp.Compare(a.Transport, b.Transport))
}

func (a Slot) String() string {
	return a.Transport.Label() + "." + string(a.Service) + " at " + string(a.Site)
}

// covers reports whether the drain takes the slot away.
func (d *Drain) covers(s Slot) bool {
	return d.Site == s.Site &&
		(d.Service == "" || d.Service == s.Service) &&
		(d.Transport == 0 || d.Transport == s.Transport)
}

// Scope says in words what the drain covers.
func (d *Drain) Scope() string {
	out := string(d.Site)
	if d.Service != "" {
		out += " for " + string(d.Service)
	}
	if d.Transport != 0 {
		out += " over " + d.Transport.String()
	}
	return out
}

// siteTransport is a site and one of its transports.
type siteTransport struct {
	site      fleet.SiteID
	transport fleet.Transport
}

// view answers questions about one State quickly. It is built for one call and
// thrown away.
type view struct {
	*State
	status map[siteTransport]health.Status
	// What follows is made when it is first needed, and holds for the State as
	// it was then.
	carried  map[fleet.SiteID]SiteLoad
	services map[fleet.ServiceID]*fleet.Service
	sites    map[fleet.SiteID]*siteView
	rows     map[*fleet.Service][]*siteView
	placed   map[answerKey][]Standing
	answers  map[answerKey][]Target
}

// answerKey names one SRV set.
type answerKey struct {
	service   *fleet.Service
	transport fleet.Transport
}

// service is Fleet.Service, quickly.
func (v *view) service(id fleet.ServiceID) *fleet.Service {
	if v.services == nil {
		v.services = make(map[fleet.ServiceID]*fleet.Service, len(v.Fleet.Services))
		for i := range v.Fleet.Services {
			v.services[v.Fleet.Services[i].Name] = &v.Fleet.Services[i]
		}
	}
	return v.services[id]
}

func newView(s *State) *view {
	v := &view{State: s, status: map[siteTransport]health.Status{}}
	if s.Fleet == nil {
		return v
	}
	bySwitch := map[health.Target]health.Status{}
	for _, verdict := range s.Verdicts {
		bySwitch[verdict.Check.Target] = worse(bySwitch, verdict)
	}
	for i := range s.Fleet.Sites {
		site := &s.Fleet.Sites[i]
		for _, t := range site.Transports() {
			v.status[siteTransport{site.Name, t}] = siteStatus(site, t, bySwitch)
		}
	}
	return v
}

// worse combines several kinds of check on one target: the worst one counts,
// and a check without a verdict does not hide one that has it.
func worse(m map[health.Target]health.Status, v health.Verdict) health.Status {
	old, seen := m[v.Check.Target]
	switch {
	case !seen || old == health.Unknown:
		return v.Status
	case old == health.Down || v.Status == health.Down:
		return health.Down
	}
	return old
}

// siteStatus: a transport of a site is down when it is down at every
// softswitch that has it, and up when it is up at any.
func siteStatus(site *fleet.Site, t fleet.Transport, m map[health.Target]health.Status) health.Status {
	down, n := 0, 0
	for _, sw := range site.Softswitches {
		if !slices.ContainsFunc(sw.Listeners, func(l fleet.Listener) bool { return l.Transport == t }) {
			continue
		}
		n++
		switch m[health.Target{Site: site.Name, Switch: sw.Name, Transport: t}] {
		case health.Up:
			return health.Up
		case health.Down:
			down++
		}
	}
	if n > 0 && down == n {
		return health.Down
	}
	return health.Unknown
}

// SiteStatus returns what is believed of a transport at a site.
func (s State) SiteStatus(site fleet.SiteID, t fleet.Transport) health.Status {
	return newView(&s).status[siteTransport{site, t}]
}

func (v *view) out(slot Slot) (Out, bool) {
	i, ok := slices.BinarySearchFunc(v.Outs, slot, func(o Out, s Slot) int { return o.Slot.Compare(s) })
	if !ok {
		return Out{}, false
	}
	return v.Outs[i], true
}

func (v *view) failback(slot Slot) *Failback {
	for i := range v.Failbacks {
		f := &v.Failbacks[i]
		if f.Site == slot.Site && slices.Contains(f.Slots, slot) {
			return f
		}
	}
	return nil
}

func (v *view) drain(slot Slot) *Drain {
	var worst *Drain
	for i := range v.Drains {
		d := &v.Drains[i]
		if d.covers(slot) && (worst == nil || d.Stage > worst.Stage) {
			worst = d
		}
	}
	return worst
}

// standing is the one place where intents, removals and returns are weighed
// against each other: a person's drain before a return, a return before the
// removal that it undoes.
func (v *view) standing(slot Slot) Standing {
	return v.standingOf(slot, v.status[siteTransport{slot.Site, slot.Transport}])
}

func (v *view) standingOf(slot Slot, status health.Status) Standing {
	st := Standing{Slot: slot, Status: status}
	if d := v.drain(slot); d != nil {
		st.Place, st.Why = Gone, "drain "+d.ID+" by "+d.Owner+": "+d.Reason
		if d.Stage == StageAnnounce {
			st.Place = Leaving
		}
		if o, ok := v.out(slot); ok && st.Place == Leaving {
			st.Place, st.Why = Gone, outWhy(o)
		}
		return st
	}
	if f := v.failback(slot); f != nil && f.Step >= 0 {
		st.Place, st.Share = Returning, v.Fleet.Policy.FailbackSteps[min(f.Step, len(v.Fleet.Policy.FailbackSteps)-1)]
		st.Why = "failback by " + f.Owner + ": " + f.Reason
		return st
	}
	if o, ok := v.out(slot); ok {
		st.Place, st.Why = Gone, outWhy(o)
	}
	return st
}

func outWhy(o Out) string { return "taken out by " + o.By + ": " + o.Reason }

// slots returns the standings of a service's transport in order of preference.
// They are shared: nobody writes into them.
func (v *view) slots(svc *fleet.Service, t fleet.Transport) []Standing {
	key := answerKey{svc, t}
	if known, ok := v.placed[key]; ok {
		return known
	}
	if v.placed == nil {
		v.placed = map[answerKey][]Standing{}
	}
	v.placed[key] = v.place(svc, t)
	return v.placed[key]
}

// answer is what is answered for a service's transport.
func (v *view) answer(svc *fleet.Service, t fleet.Transport) []Target {
	key := answerKey{svc, t}
	if known, ok := v.answers[key]; ok {
		return known
	}
	if v.answers == nil {
		v.answers = map[answerKey][]Target{}
	}
	v.answers[key] = Answer(v.slots(svc, t), v.Fleet.Policy)
	return v.answers[key]
}

func (v *view) place(svc *fleet.Service, t fleet.Transport) []Standing {
	row := v.row(svc)
	out := make([]Standing, 0, len(svc.Sites))
	for i, site := range svc.Sites {
		if row[i] == nil || !row[i].serves[t] {
			continue
		}
		st := v.standingOf(Slot{svc.Name, site, t}, row[i].status[t])
		st.rank, st.weight = len(out), defaultWeight
		if w, shared := svc.Weight(site); shared {
			st.rank, st.weight = 0, w
		}
		out = append(out, st)
	}
	return out
}

// siteView is what is known of a site, by transport.
type siteView struct {
	serves [int(fleet.WSS) + 1]bool
	status [int(fleet.WSS) + 1]health.Status
}

// row is what is known of a service's sites, in order of preference.
func (v *view) row(svc *fleet.Service) []*siteView {
	if v.sites == nil {
		v.sites = make(map[fleet.SiteID]*siteView, len(v.Fleet.Sites))
		v.rows = make(map[*fleet.Service][]*siteView, len(v.Fleet.Services))
		for i := range v.Fleet.Sites {
			s := &siteView{}
			for _, t := range v.Fleet.Sites[i].Transports() {
				s.serves[t], s.status[t] = true, v.status[siteTransport{v.Fleet.Sites[i].Name, t}]
			}
			v.sites[v.Fleet.Sites[i].Name] = s
		}
	}
	row, ok := v.rows[svc]
	if !ok {
		row = make([]*siteView, len(svc.Sites))
		for i, id := range svc.Sites {
			row[i] = v.sites[id]
		}
		v.rows[svc] = row
	}
	return row
}

// Standings returns every slot of the fleet in the fleet file's order.
func Standings(s State) []Standing {
	if s.Fleet == nil {
		return nil
	}
	v := newView(&s)
	var out []Standing
	for i := range s.Fleet.Services {
		svc := &s.Fleet.Services[i]
		for _, t := range svc.Transports {
			out = append(out, v.slots(svc, t)...)
		}
	}
	return out
}
