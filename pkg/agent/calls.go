package agent

import (
	"cmp"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/probes"
)

// callAgain is when a call that failed is placed again, to be sure.
const callAgain = 10 * time.Second

// callSpec says who calls whom: the canary of the softswitch's site a number, or
// the canary of another site, who logs in there for it.
func (a *Agent) callSpec(f *fleet.Fleet, e *fleet.Extra, sw *fleet.Softswitch, s *probes.Spec) {
	c := s.Check
	l := listenerOf(sw, c.Transport)
	s.Address, s.Path, s.ServerName = l.Address, l.Path, f.ServerName(c.Site, l)
	s.Times.Again = callAgain
	s.Question.Call = probes.Call{To: e.To, Audio: cmp.Or(e.Audio, fleet.AudioAnnounce), Talk: e.TalkTime(), Loss: e.AudioLoss()}
	s.Login = a.loginOf(f, c.Site, c.Transport)
	if e.ToSite == "" {
		return
	}
	// Nobody is called where nobody can log in: without an address the callee
	// would be left out, and the call with it.
	callee := probes.Callee{Site: e.ToSite, Transport: c.Transport}
	if site := f.Site(e.ToSite); site != nil && len(site.Softswitches) > 0 {
		other := listenerOf(&site.Softswitches[0], c.Transport)
		callee.Transport, callee.Address, callee.Path = other.Transport, other.Address, other.Path
		callee.Login = a.loginOf(f, e.ToSite, other.Transport)
	}
	s.Question.Call.Callee = callee
}

// listenerOf is the softswitch's first listener of a transport, else its first.
func listenerOf(sw *fleet.Softswitch, t fleet.Transport) fleet.Listener {
	for _, l := range sw.Listeners {
		if l.Transport == t {
			return l
		}
	}
	return sw.Listeners[0]
}

// loginOf is the canary of a site with its password, as far as this agent has
// it; nobody when there is no canary.
func (a *Agent) loginOf(f *fleet.Fleet, site fleet.SiteID, t fleet.Transport) probes.Login {
	k := f.Checks.Canary(site, t)
	if k == nil {
		return probes.Login{}
	}
	return probes.Login{User: k.User, Domain: k.Domain, Password: a.secret(k.Secret)}
}
