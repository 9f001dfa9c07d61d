package agent

import (
	"cmp"
	"crypto/x509"
	"net/netip"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

// extraSpecs are the further checks as this agent asks them: local ones only of
// its own site.
func (a *Agent) extraSpecs(f *fleet.Fleet, roots *x509.CertPool) []probes.Spec {
	var out []probes.Spec
	for i := range f.Checks.Extra {
		e := &f.Checks.Extra[i]
		if e.Kind == string(health.DNS) {
			out = append(out, nameServerSpecs(f, e)...)
			continue
		}
		eachExtra(f, e, func(site *fleet.Site, sw *fleet.Softswitch, c health.Check) {
			if e.Local() && site.Name != a.cfg.Site {
				return
			}
			s := a.extraSpec(f, e, sw, c, roots)
			if s.Check.Kind.Base() == health.Certificates && !s.Check.Transport.Secure() {
				return // it has no listener with certificates
			}
			out = append(out, s)
		})
	}
	return out
}

// steeringExtras are the further checks whose verdicts count.
func steeringExtras(f *fleet.Fleet) []health.Check {
	var out []health.Check
	for i := range f.Checks.Extra {
		if e := &f.Checks.Extra[i]; e.Steers {
			eachExtra(f, e, func(_ *fleet.Site, _ *fleet.Softswitch, c health.Check) { out = append(out, c) })
		}
	}
	return out
}

// eachExtra visits every softswitch and transport for which a further check is
// asked.
func eachExtra(f *fleet.Fleet, e *fleet.Extra, visit func(*fleet.Site, *fleet.Softswitch, health.Check)) {
	for i := range f.Sites {
		site := &f.Sites[i]
		for j := range site.Softswitches {
			sw := &site.Softswitches[j]
			if !e.Asks(sw.Name) {
				continue
			}
			for _, t := range e.Counts(sw) {
				target := health.Target{Site: site.Name, Switch: sw.Name, Transport: t}
				visit(site, sw, health.Check{Target: target, Kind: health.Kind(e.Kind).Named(e.Name)})
			}
		}
	}
}

func (a *Agent) extraSpec(f *fleet.Fleet, e *fleet.Extra, sw *fleet.Softswitch, c health.Check, roots *x509.CertPool) probes.Spec {
	s := probes.Spec{
		Check: c, Times: timesOf(e.Times(f.Checks)), Roots: roots,
		Question: probes.Question{Path: e.Path, Secure: e.Secure, Status: e.ExpectStatus, Contains: e.Contains, Slow: e.Slow.D()},
	}
	switch c.Kind.Base() {
	case health.Exec:
		// A name that this agent does not have brings no data. The address keeps
		// the check askable.
		s.Question.Command, s.Address = a.cfg.Commands[e.Run], sw.Listeners[0].Address
	case health.Metrics:
		s.Address, s.ServerName = e.AddressAt(sw), f.ServerName(c.Site, sw.Listeners[0])
		s.Question.Source, s.Question.Over, s.Question.Numbers = e.Source, e.Over.D(), e.Numbers
		if e.Secret != "" {
			s.Login.Password = a.secret(e.Secret)
		}
	case health.Certificates:
		l := listenerOf(sw, fleet.TLS)
		if !l.Transport.Secure() {
			l = listenerOf(sw, fleet.WSS)
		}
		s.Check.Transport, s.Address = l.Transport, l.Address
		s.Question.Cycle, s.Times.Again = e.Cycle.D(), s.Times.Interval
	case health.Call:
		a.callSpec(f, e, sw, &s)
	case health.Storage:
		s.Question.Dir, s.Address = a.cfg.Directories[e.Directory], sw.Listeners[0].Address
	default:
		s.Address, s.ServerName = e.AddressAt(sw), f.ServerName(c.Site, sw.Listeners[0])
	}
	return s
}

// dnsPort is where name servers listen when nothing else is said.
const dnsPort = 53

// nameServerSpecs ask each of the fleet's name servers that has an address, or the
// resolvers of others that the check names.
func nameServerSpecs(f *fleet.Fleet, e *fleet.Extra) []probes.Spec {
	var out []probes.Spec
	add := func(name string, addr netip.Addr) {
		out = append(out, probes.Spec{
			Check: health.Check{
				Target: health.Target{Switch: fleet.SwitchID(name), Transport: fleet.UDP},
				Kind:   health.DNS.Named(e.Name),
			},
			Address: netip.AddrPortFrom(addr, cmp.Or(e.Port, dnsPort)), Times: timesOf(e.Times(f.Checks)),
			Question: probes.Question{Name: f.FQDN(e.Question), Type: cmp.Or(e.Type, "SRV"), Contains: e.Contains, Resolver: len(e.Resolvers) > 0},
		})
	}
	for _, r := range e.Resolvers {
		add(r.String(), r)
	}
	if len(e.Resolvers) > 0 {
		return out
	}
	for _, ns := range f.NameServers {
		if len(ns.Addresses) > 0 { // the further ones are the same server
			add(string(ns.Name), ns.Addresses[0])
		}
	}
	return out
}
