package steer

import (
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// GatePart is a part of what uses a site over a transport that its gate refuses
// while it is open to all others: a service, or some tenants of one.
type GatePart struct {
	Service fleet.ServiceID `json:"service"`
	// Cohort is who of the service. The devices that use its own name are in it
	// as the bucket of that name.
	Cohort fleet.Cohort `json:"cohort"`
	Mode   GateMode     `json:"mode"`
	// PassInvite is as in GateRule.
	PassInvite bool   `json:"pass_invite,omitempty"`
	Reason     string `json:"reason,omitempty"`
}

// Whom says who is in the part.
func (p GatePart) Whom() string {
	return string(p.Service) + forCohort(p.Cohort.NoneIfEveryone())
}

// For is what the rule says of those in a bucket of a service.
func (r GateRule) For(service fleet.ServiceID, bucket int) GateRule {
	for _, p := range r.Parts {
		if r.Mode == GateOpen && p.Service == service && p.Cohort.Has(bucket) {
			return GateRule{Transport: r.Transport, Mode: p.Mode, PassInvite: p.PassInvite, Reason: p.Reason}
		}
	}
	r.Parts = nil
	return r
}

// gateParts are those to whom a site is not answered any more over a transport,
// one for each service and phase. A site, and a slot, that nothing takes away is
// not looked at any further: there may be thousands.
func (v *view) gateParts(site fleet.SiteID, t fleet.Transport) []GatePart {
	if !slices.Contains(v.sitesOut(""), site) {
		return nil
	}
	var out []GatePart
	for i := range v.Fleet.Services {
		svc := &v.Fleet.Services[i]
		if !v.takenAway(Slot{svc.Name, site, t}) || !slices.Contains(svc.Transports, t) || !slices.Contains(svc.Sites, site) {
			continue
		}
		first := len(out) // of the service
		for _, c := range v.cohorts(svc) {
			if p, refused := v.gatePart(svc, t, site, c); refused {
				out = joinPart(out, first, p)
			}
		}
	}
	return out
}

// takenAway reports whether an intent or a removal is about the slot, for anyone.
func (v *view) takenAway(slot Slot) bool {
	i := v.firstOut(slot)
	return i < len(v.Outs) && v.Outs[i].Slot == slot || slices.ContainsFunc(v.Drains, func(d Drain) bool {
		return d.Site == slot.Site && (d.Service == "" || d.Service == slot.Service) && (d.Transport == 0 || d.Transport == slot.Transport)
	})
}

// gatePart is what becomes of those of a service who are answered alike; false
// when the site is among their answers, or never was.
func (v *view) gatePart(svc *fleet.Service, t fleet.Transport, site fleet.SiteID, c fleet.Cohort) (GatePart, bool) {
	bucket := bucketOf(c)
	slots := v.slotsFor(svc, t, bucket)
	at := slices.IndexFunc(slots, func(s Standing) bool { return s.Site == site })
	if at < 0 || slices.ContainsFunc(v.answerFor(svc, t, bucket), func(x Target) bool { return x.Site == site }) {
		return GatePart{}, false
	}
	st := &slots[at]
	d := v.drainFor(st.Slot, bucket)
	return GatePart{
		Service: svc.Name, Cohort: c, Mode: GateDraining, Reason: v.gateReason(st, bucket),
		PassInvite: d != nil && d.Stage == StageRegister && st.Status != health.Down,
	}, true
}

// joinPart adds a part of a service, to one that differs in nothing but who is in
// it where there is such a one. first is where the parts of the service begin.
func joinPart(parts []GatePart, first int, p GatePart) []GatePart {
	for i := first; i < len(parts); i++ {
		q := &parts[i]
		if q.Mode == p.Mode && q.PassInvite == p.PassInvite && q.Reason == p.Reason {
			q.Cohort = q.Cohort.Or(p.Cohort)
			return parts
		}
	}
	return append(parts, p)
}
