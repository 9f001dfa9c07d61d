package agent

import (
	"cmp"
	"crypto/x509"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

// checksOf lists the checks of the fleet whose verdicts steer traffic: SIP
// OPTIONS on every listener that the probes speak, the TLS handshake with its
// certificate, and where there is a canary its login.
func checksOf(f *fleet.Fleet) []health.Check {
	var out []health.Check
	for _, s := range specsOf(f, nil) {
		out = append(out, s.Check)
	}
	return append(out, steeringExtras(f)...)
}

// specsOf says how each check is asked. Every agent asks all of them: its own
// site's, and as an outside witness those of the others. The passwords of
// logins are left out.
func specsOf(f *fleet.Fleet, roots *x509.CertPool) []probes.Spec {
	var out []probes.Spec
	for i := range f.Sites {
		site := &f.Sites[i]
		for _, sw := range site.Softswitches {
			for _, l := range sw.Listeners {
				target := health.Target{Site: site.Name, Switch: sw.Name, Transport: l.Transport}
				out = append(out, listenerSpecs(f, target, l, roots)...)
			}
		}
	}
	return out
}

// listenerSpecs are the checks of one listener.
func listenerSpecs(f *fleet.Fleet, target health.Target, l fleet.Listener, roots *x509.CertPool) []probes.Spec {
	var out []probes.Spec
	add := func(kind health.Kind, login probes.Login) {
		times := f.Checks.Of(string(kind))
		if times.Off {
			return
		}
		spec := probes.Spec{
			Check: health.Check{Target: target, Kind: kind}, Address: l.Address, ServerName: f.ServerName(target.Site, l), Path: l.Path,
			ExpectStatus: f.Checks.ExpectStatus, Roots: roots, Login: login, Times: timesOf(times),
		}
		if kind == health.Options {
			spec.Question.MaxForwards = f.Checks.MaxForwards
		}
		out = append(out, spec)
	}
	add(health.Options, probes.Login{})
	if l.Transport.Secure() {
		add(health.TLS, probes.Login{})
	}
	for i, k := range f.Checks.CanariesAt(target.Site, l.Transport) {
		add(loginKind(i, k), probes.Login{User: k.User, Domain: k.Domain})
	}
	return out
}

// loginKind is the kind of the check of a canary, by its place among those of a
// listener: the first is register, the others have the name of their domain.
func loginKind(i int, k *fleet.Canary) health.Kind {
	if i == 0 {
		return health.Register
	}
	return health.Register.Named(cmp.Or(k.Domain, "default"))
}

// tenantOf names whose login a check tries, for people.
func tenantOf(f *fleet.Fleet, c health.Check) string {
	for i, k := range f.Checks.CanariesAt(c.Site, c.Transport) {
		if loginKind(i, k) == c.Kind {
			return cmp.Or(k.Domain, "of "+k.User)
		}
	}
	return string(c.Kind)
}

func timesOf(t fleet.CheckTimes) probes.Times {
	return probes.Times{
		Interval: t.Interval.D(), Timeout: t.Timeout.D(),
		Thresholds: health.Thresholds{Fall: t.Fall, Reset: t.Reset, Rise: t.Rise, Hold: t.Hold()},
	}
}

// standingSpecs are the connections held open to see a dead process at once.
// They trigger checks and have no verdict of their own. WebSocket listeners are
// left out: one that waits for a handshake closes what does not begin it.
func standingSpecs(f *fleet.Fleet) []probes.Spec {
	var out []probes.Spec
	if f.Checks.Of(string(health.Standing)).Off {
		return nil
	}
	for _, s := range specsOf(f, nil) {
		if s.Check.Kind == health.Options && (s.Check.Transport == fleet.TCP || s.Check.Transport == fleet.TLS) {
			s.Check.Kind = health.Standing
			out = append(out, s)
		}
	}
	return out
}
