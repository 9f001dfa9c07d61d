package steer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// Brake remembers a common cause: the same check failed at several sites inside
// the window. It stays until the check is down at none of them, or until a
// person acknowledges it, since sites recover one after the other, and the last
// one must not be taken for the only sick one.
type Brake struct {
	Kind      health.Kind     `json:"kind"`
	Transport fleet.Transport `json:"transport"`
	Sites     []fleet.SiteID  `json:"sites"` // sorted
	Since     time.Time       `json:"since"`
	Sentence  string          `json:"sentence"`
	// Source floods all of these sites, if it is that.
	Source netip.Prefix `json:"source,omitzero"`
}

func compareBrakes(a, b Brake) int {
	if c := strings.Compare(string(a.Kind), string(b.Kind)); c != 0 {
		return c
	}
	return int(a.Transport) - int(b.Transport)
}

// holds reports whether the brake keeps automation off the slot.
func (b *Brake) holds(site fleet.SiteID, t fleet.Transport) bool {
	return b.Transport == t && slices.Contains(b.Sites, site)
}

// updateBrakes sets the brakes that the verdicts ask for and lifts those whose
// cause is gone.
func (t *transition) updateBrakes() {
	for _, cc := range t.commonCauses(t.Now) {
		t.brake(Brake{Kind: cc.Kind, Transport: cc.Transport, Sites: cc.Sites, Since: cc.Since, Sentence: cc.Sentence, Source: cc.Source})
	}
	for _, b := range t.Brakes {
		if t.anyDown(b) {
			continue
		}
		t.Brakes = deleted(t.Brakes, func(x Brake) bool { return compareBrakes(x, b) == 0 })
		t.event(EventBrake, Event{Transport: b.Transport, Rule: RuleCommonCause, Word: "over", Text: fmt.Sprintf("common cause over: %s over %s fails at none of %s any more", b.Kind, b.Transport, joined(b.Sites))})
	}
}

// commonCauses are those that the verdicts show, and the floods. What began to
// fail in maintenance is no site of one.
func (s *State) commonCauses(now time.Time) []health.Common {
	window := s.Fleet.Policy.CommonCauseWindow.D()
	verdicts := s.Verdicts
	if s.Format >= versionMaintenance {
		verdicts = counted(verdicts)
	}
	found := health.CommonCause(verdicts, window, now)
	if len(s.Floods) == 0 {
		return found
	}
	return health.SharedSources(found, verdicts, s.Floods, window, now)
}

// brake sets a brake, or widens the one that is set. A source that is named stays.
func (t *transition) brake(b Brake) {
	i, found := slices.BinarySearchFunc(t.Brakes, b, compareBrakes)
	if found {
		old := t.Brakes[i]
		all := append(slices.Clone(old.Sites), b.Sites...)
		slices.Sort(all)
		b.Sites = slices.Compact(all)
		if !b.Source.IsValid() {
			b.Source = old.Source
		}
		if len(b.Sites) == len(old.Sites) && b.Source == old.Source {
			return
		}
		b.Since = old.Since
	}
	t.Brakes = inserted(t.Brakes, b, compareBrakes)
	e := Event{Transport: b.Transport, Rule: RuleCommonCause, Word: "set", Text: "common cause: " + b.Sentence + "; automation moves nothing because of it"}
	if b.Source.IsValid() {
		e.Value = b.Source.String()
		if slices.ContainsFunc(t.events, func(o Event) bool { return o.Text == e.Text }) {
			return // said for another of its checks
		}
	}
	t.event(EventBrake, e)
}

func (t *transition) anyDown(b Brake) bool {
	return slices.ContainsFunc(t.Verdicts, func(v health.Verdict) bool {
		return v.Status == health.Down && v.Maintenance == health.NoMaintenance && v.Check.Kind == b.Kind && b.holds(v.Check.Site, v.Check.Transport)
	})
}

// ReflexAllowed reports whether the gate of a site may refuse by itself because
// its own softswitches do not answer on a transport: only while the phones of
// every service have a better place, another site in their answers that is up,
// and while the failure is not one that moves with them. Where no site is well,
// a refusal keeps phones away from the first one that recovers.
func ReflexAllowed(s State, site fleet.SiteID, t fleet.Transport) bool {
	if s.Fleet == nil || slices.ContainsFunc(s.Brakes, func(b Brake) bool { return b.holds(site, t) }) {
		return false
	}
	v := newView(&s)
	for i := range s.Fleet.Services {
		svc := &s.Fleet.Services[i]
		if slices.Contains(svc.Sites, site) && slices.Contains(svc.Transports, t) && !v.betterPlace(svc, site, t) {
			return false
		}
	}
	return true
}

// betterPlace reports whether phones of a service that ask at a site find
// another one in their answers that is up.
func (v *view) betterPlace(svc *fleet.Service, site fleet.SiteID, t fleet.Transport) bool {
	return slices.ContainsFunc(v.slots(svc, t), func(st Standing) bool {
		return st.Site != site && st.Place != Gone && st.Status == health.Up
	})
}
