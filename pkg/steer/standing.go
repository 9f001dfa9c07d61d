package steer

import (
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
	// drain, out and back are why it stands there, as far as they have to do with it.
	drain *Drain
	gone  *Out
	back  *Failback
}

// why says in words why the slot stands where it does.
func (st *Standing) why() string {
	switch {
	case st.gone != nil:
		why := "taken out by " + st.gone.By + ": " + st.gone.Reason
		if !st.gone.Until.IsZero() {
			why += "; " + st.gone.Lasts()
		}
		return why
	case st.drain != nil:
		return "drain " + st.drain.ID + " by " + st.drain.Owner + ": " + st.drain.Reason
	case st.back != nil:
		return "failback by " + st.back.Owner + ": " + st.back.Reason
	}
	return ""
}

// Compare orders slots by service, site and transport.
func (a Slot) Compare(b Slot) int {
	if c := strings.Compare(string(a.Service), string(b.Service)); c != 0 {
		return c
	}
	if c := strings.Compare(string(a.Site), string(b.Site)); c != 0 {
		return c
	}
	return int(a.Transport) - int(b.Transport)
}

func (a Slot) String() string {
	return a.Transport.Label() + "." + string(a.Service) + " at " + string(a.Site)
}

// covers reports whether the drain takes the slot away from a bucket.
func (d *Drain) covers(s Slot, bucket int) bool {
	return d.Site == s.Site &&
		(d.Service == "" || d.Service == s.Service) &&
		(d.Transport == 0 || d.Transport == s.Transport) &&
		everyoneIfNone(d.Cohort).Has(bucket)
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
	return out + forCohort(d.Cohort)
}

// standingFor is where a slot stands for a bucket of the tenants.
func (v *view) standingFor(slot Slot, bucket int) Standing {
	st := Standing{Slot: slot, Status: v.at(slot.Site, slot.Transport)}
	v.stand(&st, outsOf(v.Outs, slot.Service), bucket)
	return st
}

// stand is the one place where intents, removals and returns are weighed
// against each other: a person's drain before a return, a return before the
// removal that it undoes. outs are the removals of the slot's service.
func (v *view) stand(st *Standing, outs []Out, bucket int) {
	slot := st.Slot
	if d := v.drainFor(slot, bucket); d != nil {
		st.Place, st.drain = Gone, d
		if d.Stage == StageAnnounce {
			st.Place = Leaving
		}
		if o := outAmong(outs, slot, bucket); o != nil && st.Place == Leaving {
			st.Place, st.gone = Gone, o
		}
		return
	}
	o := outAmong(outs, slot, bucket)
	f := v.failbackFor(slot, bucket)
	switch {
	case f == nil || f.Step < 0 || o == nil:
	case !f.byCohorts() || bucket == fleet.OwnName:
		st.Place, st.Share, st.back = Returning, v.share(f), f
		return
	case v.returned(f, slot).Has(bucket):
		st.back = f
		return
	}
	if o != nil {
		st.Place, st.gone = Gone, o
	}
}

// share is the share of the failback's step, in per cent.
func (v *view) share(f *Failback) int {
	steps := v.Fleet.Policy.FailbackSteps
	return steps[min(f.Step, len(steps)-1)]
}

// outFor returns the removal of a slot for a bucket.
func (v *view) outFor(slot Slot, bucket int) *Out {
	return outAmong(outsOf(v.Outs, slot.Service), slot, bucket)
}

// outAmong returns the removal of a slot for a bucket among those of its
// service.
func outAmong(outs []Out, slot Slot, bucket int) *Out {
	for i := range outs {
		o := &outs[i]
		if o.Transport == slot.Transport && o.Site == slot.Site && (o.Cohort.IsZero() || o.Cohort.Has(bucket)) {
			return o
		}
	}
	return nil
}

// firstOut is where the removals of the slot begin, or would.
func (v *view) firstOut(slot Slot) int {
	low, high := 0, len(v.Outs)
	for low < high {
		if mid := int(uint(low+high) / 2); v.Outs[mid].Slot.Compare(slot) < 0 {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// outOf is for whom a slot is out.
func (v *view) outOf(slot Slot) (c fleet.Cohort) {
	for i := v.firstOut(slot); i < len(v.Outs) && v.Outs[i].Slot == slot; i++ {
		c = c.Or(everyoneIfNone(v.Outs[i].Cohort))
	}
	return c
}

// wholeOut reports whether a slot is out for everyone.
func (v *view) wholeOut(slot Slot) bool { return v.outOf(slot) == fleet.Everyone() }

// goneForAll reports whether a slot is answered to nobody.
func (v *view) goneForAll(slot Slot) bool {
	i := v.firstOut(slot)
	out := i < len(v.Outs) && v.Outs[i].Slot == slot
	if !out && !slices.ContainsFunc(v.Drains, func(d Drain) bool { return d.Site == slot.Site }) {
		return false // nothing could have taken it out
	}
	if !v.cohorted() {
		return v.standingFor(slot, fleet.OwnName).Place == Gone
	}
	return !slices.ContainsFunc(v.cohorts(v.service(slot.Service)), func(p fleet.Cohort) bool {
		return v.standingFor(slot, bucketOf(p)).Place != Gone
	})
}

func (v *view) failbackFor(slot Slot, bucket int) *Failback {
	var furthest *Failback
	for i := range v.Failbacks {
		f := &v.Failbacks[i]
		if f.Site == slot.Site && everyoneIfNone(f.Cohort).Has(bucket) && slices.Contains(f.Slots, slot) && (furthest == nil || f.Step > furthest.Step) {
			furthest = f
		}
	}
	return furthest
}

func (v *view) drainFor(slot Slot, bucket int) *Drain {
	var worst *Drain
	for i := range v.Drains {
		d := &v.Drains[i]
		if d.covers(slot, bucket) && (worst == nil || d.Stage > worst.Stage) {
			worst = d
		}
	}
	return worst
}

// Standings returns every slot of the fleet, as it stands for the devices
// without a tenant, in the fleet file's order.
func Standings(s State) []Standing { return StandingsFor(s, fleet.OwnName) }

// StandingsFor is Standings for a bucket of the tenants.
func StandingsFor(s State, bucket int) []Standing {
	if s.Fleet == nil {
		return nil
	}
	v := newView(&s)
	var out []Standing
	for i := range s.Fleet.Services {
		svc := &s.Fleet.Services[i]
		for _, t := range svc.Transports {
			out = append(out, v.slotsFor(svc, t, v.lookedUpBy(svc, bucket))...)
		}
	}
	for i := range out {
		out[i].Why = out[i].why()
		out[i].drain, out[i].gone, out[i].back = nil, nil, nil // of a view that is thrown away
	}
	return out
}
