package steer

import (
	"fmt"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// silenceScope checks what a command wants silenced: a silence that covers nothing
// would let people be called who believe that they have seen to it.
func (t *transition) silenceScope() (SilenceScope, error) {
	c := t.cmd
	s := SilenceScope{Site: c.Site, Transport: c.Transport}
	if c.Silence != nil {
		s.Switch, s.Check = c.Silence.Switch, c.Silence.Check
	}
	site := t.Fleet.Site(s.Site)
	if site == nil {
		return s, &Invalid{Field: "site", Message: fmt.Sprintf("no site is called %q", s.Site), Hint: oneOf(s.Site, t.Fleet.SiteIDs())}
	}
	var names []fleet.SwitchID
	serves := false
	for _, sw := range site.Softswitches {
		names = append(names, sw.Name)
		if s.Switch == "" || s.Switch == sw.Name {
			serves = serves || slices.ContainsFunc(sw.Listeners, func(l fleet.Listener) bool { return s.Transport == 0 || l.Transport == s.Transport })
		}
	}
	if s.Switch != "" && !slices.Contains(names, s.Switch) {
		return s, &Invalid{Field: "softswitch", Message: fmt.Sprintf("%s has no softswitch %q", s.Site, s.Switch), Hint: oneOf(s.Switch, names)}
	}
	if !serves {
		return s, &Invalid{Field: "transport", Message: fmt.Sprintf("nothing listens there over %s", s.Transport), Hint: "sipsteer status   # shows which transports the site has"}
	}
	if kinds := health.Kinds(); s.Check != "" && !slices.Contains(kinds, s.Check.Base()) {
		return s, &Invalid{Field: "check", Message: fmt.Sprintf("no kind of check is called %q", s.Check), Hint: oneOf(s.Check, kinds)}
	}
	return s, nil
}

// guardHeard is rule heard: of every service, over every transport, one site at
// least is left of whose failure people hear. A silence of one kind of check leaves
// the others.
func (t *transition) guardHeard(s Silence) *Refusal {
	if s.Check != "" || slices.Contains(t.cmd.Override, RuleHeard) {
		return nil
	}
	then := t.State
	then.Silences = inserted(t.Silences, s, compareSilences)
	for i := range t.Fleet.Services {
		svc := &t.Fleet.Services[i]
		if !slices.Contains(svc.Sites, s.Site) {
			continue
		}
		for _, tr := range svc.Transports {
			if s.Transport != 0 && s.Transport != tr || slices.ContainsFunc(svc.Sites, func(id fleet.SiteID) bool { return then.hears(id, tr) }) {
				continue
			}
			return &Refusal{
				Rule: RuleHeard, Text: fmt.Sprintf("nobody would be told of what begins to fail at any site of %s over %s", svc.Name, tr),
				Value: "0 sites heard", Limit: "at least 1",
				Next: s.line(t.cmd.Reason, t.cmd.For.D()) + " --override heard   # or end one that is not needed: sipsteer silence list",
			}
		}
	}
	return nil
}

// hears reports whether a failure of any listener of a site over a transport would
// be told. A kind that no silence names stands for all.
func (s *State) hears(site fleet.SiteID, t fleet.Transport) bool {
	f := s.Fleet.Site(site)
	return f != nil && slices.ContainsFunc(f.Softswitches, func(sw fleet.Softswitch) bool {
		return slices.ContainsFunc(sw.Listeners, func(l fleet.Listener) bool {
			return l.Transport == t && !s.inMaintenance(health.Check{Target: health.Target{Site: site, Switch: sw.Name, Transport: t}})
		})
	})
}

// unserved reports whether a service has no site left that is up where the check
// asks: none of those that are answered over its transport. That is said whatever
// was expected.
func (v *view) unserved(c health.Check) bool {
	for i := range v.Fleet.Services {
		svc := &v.Fleet.Services[i]
		if !slices.Contains(svc.Sites, c.Site) || !slices.Contains(svc.Transports, c.Transport) {
			continue
		}
		slots := v.slots(svc, c.Transport)
		all := allGone(slots) // then they are answered all the same
		mine, up := false, false
		for _, s := range slots {
			if all || s.Place != Gone {
				mine = mine || s.Site == c.Site
				up = up || s.Status != health.Down
			}
		}
		if mine && !up {
			return true
		}
	}
	return false
}
