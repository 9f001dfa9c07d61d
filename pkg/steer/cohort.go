package steer

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// Fading is a name that answered for a cohort until a moment ago. Resolvers may
// still lead phones to it, so it answers for as long as they may.
type Fading struct {
	Service fleet.ServiceID `json:"service"`
	Bucket  int             `json:"bucket"` // whose answers stand at the name
	Until   time.Time       `json:"until"`
}

// everyoneIfNone is whom an intent is about: without a cohort everyone.
func everyoneIfNone(c fleet.Cohort) fleet.Cohort {
	if c.IsZero() {
		return fleet.Everyone()
	}
	return c
}

// forCohort says for whom, behind what it is about.
func forCohort(c fleet.Cohort) string {
	if c.IsZero() {
		return ""
	}
	return " for " + c.Words()
}

// byCohorts reports whether the failback brings tenants back whole.
func (f *Failback) byCohorts() bool { return f.Pace == fleet.PaceCohorts }

// returned are the tenants for whom a failback by cohorts has brought a slot
// back so far.
func (v *view) returned(f *Failback, slot Slot) fleet.Cohort {
	return v.outOf(slot).And(everyoneIfNone(f.Cohort)).First(v.share(f))
}

// hasCohorts reports whether any intent is not about everyone: without, each
// service has one answer.
func (s *State) hasCohorts() bool {
	return slices.ContainsFunc(s.Drains, func(d Drain) bool { return !d.Cohort.IsZero() }) ||
		slices.ContainsFunc(s.Outs, func(o Out) bool { return !o.Cohort.IsZero() }) ||
		slices.ContainsFunc(s.Failbacks, func(f Failback) bool { return !f.Cohort.IsZero() || f.byCohorts() && f.Step >= 0 })
}

// cohorts parts the tenants of a service, and the devices without one, into
// those for whom every intent says the same. The first part is the one of the
// service's own name. A service without tenants has one part.
func (v *view) cohorts(svc *fleet.Service) []fleet.Cohort {
	sv := v.of(svc)
	switch {
	case sv.parts != nil:
	case v.cohorted() && v.hasTenants(svc.Name):
		sv.parts = v.parted(svc)
	default:
		sv.parts = v.whole()
	}
	return sv.parts
}

// cohorted is hasCohorts, worked out once.
func (v *view) cohorted() bool {
	if v.everyone == nil {
		v.everyone, v.apart = []fleet.Cohort{fleet.Everyone()}, v.hasCohorts()
	}
	return v.apart
}

// whole is the one part of a service whose tenants are answered alike.
func (v *view) whole() []fleet.Cohort {
	v.cohorted()
	return v.everyone
}

func (v *view) parted(svc *fleet.Service) []fleet.Cohort {
	parts := []fleet.Cohort{fleet.Everyone()}
	by := func(c fleet.Cohort) {
		var next []fleet.Cohort
		for _, p := range parts {
			for _, half := range []fleet.Cohort{p.And(c), p.Without(c)} {
				if !half.IsZero() {
					next = append(next, half)
				}
			}
		}
		parts = next
	}
	for i := range v.Drains {
		if d := &v.Drains[i]; d.Service == "" || d.Service == svc.Name {
			by(everyoneIfNone(d.Cohort))
		}
	}
	for i := range v.Outs {
		if o := &v.Outs[i]; o.Service == svc.Name {
			by(everyoneIfNone(o.Cohort))
		}
	}
	for i := range v.Failbacks {
		f := &v.Failbacks[i]
		for _, slot := range f.Slots {
			if slot.Service != svc.Name {
				continue
			}
			by(everyoneIfNone(f.Cohort))
			if f.byCohorts() && f.Step >= 0 {
				by(fleet.AllTenants())
				by(v.returned(f, slot))
			}
		}
	}
	slices.SortFunc(parts, func(a, b fleet.Cohort) int {
		return cmp.Or(cmp.Compare(mainFirst(a), mainFirst(b)), cmp.Compare(a.Least(), b.Least()))
	})
	return parts
}

func mainFirst(c fleet.Cohort) int {
	if c.Has(fleet.OwnName) {
		return 0
	}
	return 1
}

// bucketOf is the bucket by which a part is looked up: the service's own name
// for the first one.
func bucketOf(part fleet.Cohort) int {
	if part.Has(fleet.OwnName) {
		return fleet.OwnName
	}
	return part.Least()
}

// touched are the buckets by which the parts of a service that have anyone of
// the cohort are looked up.
func (v *view) touched(svc *fleet.Service, cohort fleet.Cohort) []int {
	var out []int
	for _, p := range v.cohorts(svc) {
		if !p.And(everyoneIfNone(cohort)).IsZero() {
			out = append(out, bucketOf(p))
		}
	}
	return out
}

// portion is the part of a service's load that a part of it has: the tenants'
// buckets have the same, and devices without a tenant count only where there
// are no tenants.
func (v *view) portion(svc *fleet.Service, part fleet.Cohort) float64 {
	if v.hasTenants(svc.Name) {
		return float64(part.And(fleet.AllTenants()).Len()) / fleet.Cohorts
	}
	return 1
}

func (v *view) hasTenants(id fleet.ServiceID) bool {
	if v.tenants == nil {
		v.tenants = map[fleet.ServiceID]int{}
		for _, s := range v.Tenants.Names().Services() {
			v.tenants[s.Service] = s.Tenants
		}
	}
	return v.tenants[id] > 0
}

// Part is a part of a service's tenants that is answered alike.
type Part struct {
	Cohort  fleet.Cohort                 `json:"cohort"`
	Portion float64                      `json:"portion"` // of the service's load
	Answers map[fleet.Transport][]Target `json:"answers"`
}

// Parts returns what is answered to whom. The first part is the one of the
// service's own name; without cohorts it is the only one.
func Parts(s State, svc *fleet.Service) []Part {
	v := newView(&s)
	var out []Part
	for _, c := range v.cohorts(svc) {
		p := Part{Cohort: c, Portion: v.portion(svc, c), Answers: map[fleet.Transport][]Target{}}
		for _, t := range svc.Transports {
			p.Answers[t] = v.answerFor(svc, t, bucketOf(c))
		}
		out = append(out, p)
	}
	return out
}

// fade keeps the names of cohorts that are no more, for as long as resolvers may
// hold what leads to them, and forgets them then.
func (t *transition) fade(before *State) {
	if !before.hasCohorts() && !t.hasCohorts() && len(t.Fading) == 0 {
		return
	}
	was, is := newView(before), newView(&t.State)
	fading := deleted(t.Fading, func(f Fading) bool {
		svc := is.service(f.Service)
		return !f.Until.After(t.Now) || svc == nil || is.names(svc, f.Bucket)
	})
	for i := range t.Fleet.Services {
		svc := &t.Fleet.Services[i]
		old := was.service(svc.Name)
		if old == nil {
			continue
		}
		ttl := before.Fleet.ServiceTTL(old)
		until := t.Now.Add(max(ttl.Normal, ttl.Event).D() + t.Fleet.Policy.DrainGrace.D())
		for _, p := range was.cohorts(old) {
			if b := bucketOf(p); b != fleet.OwnName && !is.names(svc, b) {
				fading = inserted(fading, Fading{svc.Name, b, until}, compareFading)
			}
		}
	}
	t.Fading = fading
}

// names reports whether a bucket's name is in use.
func (v *view) names(svc *fleet.Service, bucket int) bool {
	return slices.ContainsFunc(v.cohorts(svc), func(p fleet.Cohort) bool { return bucketOf(p) == bucket })
}

func compareFading(a, b Fading) int {
	return cmp.Or(strings.Compare(string(a.Service), string(b.Service)), cmp.Compare(a.Bucket, b.Bucket))
}

// cohort adds the sets of the cohorts of a service, and of those that fade.
func (b *zoneBuilder) cohorts(v *view, svc *fleet.Service, ttl uint32) {
	for _, p := range v.cohorts(svc)[1:] {
		owner := srv.CohortOwner(svc.Name, bucketOf(p))
		b.zone.Cohorts = append(b.zone.Cohorts, srv.Cohort{Service: svc.Name, Buckets: p, Owner: owner})
		b.sets(v, svc, owner, bucketOf(p), ttl)
	}
	for _, f := range v.Fading {
		if f.Service == svc.Name && !v.names(svc, f.Bucket) {
			b.sets(v, svc, srv.CohortOwner(svc.Name, f.Bucket), v.lookedUpBy(svc, f.Bucket), ttl)
		}
	}
}

// lookedUpBy is the bucket by which the part that has a bucket is looked up.
func (v *view) lookedUpBy(svc *fleet.Service, bucket int) int {
	for _, p := range v.cohorts(svc) {
		if p.Has(bucket) {
			return bucketOf(p)
		}
	}
	return fleet.OwnName
}
