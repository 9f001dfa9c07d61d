package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// SiteLoad is what a site carries when every phone is where the answers send
// it, by the loads that the fleet file states.
type SiteLoad struct {
	Registrations float64 `json:"registrations"`
	Calls         float64 `json:"calls"`
}

func (l SiteLoad) plus(o SiteLoad, times float64) SiteLoad {
	return SiteLoad{l.Registrations + times*o.Registrations, l.Calls + times*o.Calls}
}

// Loads returns what each site carries, for the services that state a load.
func Loads(s State) map[fleet.SiteID]SiteLoad {
	if s.Fleet == nil {
		return nil
	}
	v := newView(&s)
	return v.loads()
}

// loads sums up the services.
func (v *view) loads() map[fleet.SiteID]SiteLoad {
	out := make(map[fleet.SiteID]SiteLoad, len(v.Fleet.Sites))
	for i := range v.Fleet.Services {
		v.addLoad(out, &v.Fleet.Services[i], nil, fleet.Cohort{}, 1)
	}
	return out
}

// addLoad adds what a service brings to each site, times a factor, as if some
// slots were gone for a cohort.
func (v *view) addLoad(out map[fleet.SiteID]SiteLoad, svc *fleet.Service, without []Slot, cohort fleet.Cohort, times float64) {
	if svc.Load == (fleet.Load{}) {
		return
	}
	for _, part := range v.cohorts(svc) {
		if c := part.And(everyoneIfNone(cohort)); !c.IsZero() {
			v.addPart(out, svc, bucketOf(part), without, times*v.portion(svc, c))
		}
		if c := part.Without(everyoneIfNone(cohort)); !c.IsZero() {
			v.addPart(out, svc, bucketOf(part), nil, times*v.portion(svc, c))
		}
	}
}

// addPart adds what tenants that are answered alike bring. The load is spread
// evenly over the transports.
func (v *view) addPart(out map[fleet.SiteID]SiteLoad, svc *fleet.Service, bucket int, without []Slot, times float64) {
	load := SiteLoad{float64(svc.Load.Registrations), float64(svc.Load.Calls)}
	for _, t := range svc.Transports {
		slots := slices.Clone(v.slotsFor(svc, t, bucket))
		for i := range slots {
			if slices.Contains(without, slots[i].Slot) {
				slots[i].Place = Gone
			}
		}
		targets := Answer(slots, v.Fleet.Policy)
		total := 0
		for _, x := range targets {
			if x.Priority == targets[0].Priority {
				total += int(x.Weight)
			}
		}
		for _, x := range targets {
			if x.Priority == targets[0].Priority && total > 0 {
				out[x.Site] = out[x.Site].plus(load, times*float64(x.Weight)/float64(total)/float64(len(svc.Transports)))
			}
		}
	}
}

// RegisterRate is the REGISTER requests per second that so many registrations
// send in peace.
func RegisterRate(f *fleet.Fleet, registrations float64) float64 {
	return registrations / f.Policy.RegistrationPeriod.D().Seconds()
}

// Over lists, in words, what of a site's capacity the load exceeds.
func Over(f *fleet.Fleet, site *fleet.Site, l SiteLoad) []string {
	var over []string
	add := func(what string, load float64, limit int) {
		if limit > 0 && load > float64(limit)*1.000001 { // shares are fractions
			over = append(over, fmt.Sprintf("%.0f of %d %s", load, limit, what))
		}
	}
	add("registrations", l.Registrations, site.Capacity.Registrations)
	add("calls", l.Calls, site.Capacity.Calls)
	add("REGISTER/s", RegisterRate(f, l.Registrations), site.Capacity.RegisterRate)
	return over
}

// guardCapacity: what leaves must fit where it goes. A site that is too full
// fails under the load, and takes its own phones with it.
func (v *view) guardCapacity(c change, _ time.Time) *Refusal {
	if c.together {
		return nil
	}
	return v.newFit().refusal(c, c.slots)
}

// fit is what each site carries while slots leave one after the other.
type fit struct {
	v     *view
	after map[fleet.SiteID]SiteLoad
	gone  []Slot
}

// newFit begins with what is carried now; nil when no load is stated.
func (v *view) newFit() *fit {
	if !v.statesLoads() {
		return nil
	}
	if v.carried == nil {
		v.carried = v.loads()
	}
	return &fit{v: v, after: v.carried}
}

// refusal says why more slots cannot leave, or lets them.
func (f *fit) refusal(c change, slots []Slot) *Refusal {
	if f == nil {
		return nil
	}
	v := f.v
	after := make(map[fleet.SiteID]SiteLoad, len(f.after))
	for _, id := range v.Fleet.SiteIDs() {
		after[id] = f.after[id]
	}
	gone := append(slices.Clone(f.gone), slots...)
	for i := range v.Fleet.Services {
		svc := &v.Fleet.Services[i]
		if slices.ContainsFunc(slots, func(s Slot) bool { return s.Service == svc.Name }) {
			v.addLoad(after, svc, f.gone, c.cohort, -1)
			v.addLoad(after, svc, gone, c.cohort, 1)
		}
	}
	for i := range v.Fleet.Sites {
		site := &v.Fleet.Sites[i]
		if after[site.Name].Registrations <= v.carried[site.Name].Registrations && after[site.Name].Calls <= v.carried[site.Name].Calls {
			continue // nothing moves there
		}
		if over := Over(v.Fleet, site, after[site.Name]); len(over) > 0 {
			return &Refusal{
				Rule: RuleCapacity, Text: fmt.Sprintf("%s cannot carry what %s would leave to it", site.Name, c.site),
				Value: strings.Join(over, ", "), Limit: "the capacity of " + string(site.Name),
				Next: c.retry + " --override capacity   # or move less: --service, --transport",
			}
		}
	}
	f.after, f.gone = after, gone
	return nil
}

func (v *view) statesLoads() bool {
	return slices.ContainsFunc(v.Fleet.Services, func(s fleet.Service) bool { return s.Load != (fleet.Load{}) })
}
