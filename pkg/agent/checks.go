package agent

import (
	"crypto/x509"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

// checksOf lists the checks of the fleet whose verdicts steer traffic: SIP
// OPTIONS on every listener that the probes speak, and the TLS handshake with
// its certificate.
func checksOf(f *fleet.Fleet) []health.Check {
	var out []health.Check
	for _, s := range specsOf(f, nil) {
		out = append(out, s.Check)
	}
	return out
}

// specsOf says how each check is asked. Every agent asks all of them: its own
// site's, and as an outside witness those of the others.
func specsOf(f *fleet.Fleet, roots *x509.CertPool) []probes.Spec {
	var out []probes.Spec
	for i := range f.Sites {
		site := &f.Sites[i]
		for _, sw := range site.Softswitches {
			for _, l := range sw.Listeners {
				spec := probes.Spec{
					Check:   health.Check{Target: health.Target{Site: site.Name, Switch: sw.Name, Transport: l.Transport}, Kind: health.Options},
					Address: l.Address, ServerName: f.ServerName(site.Name, l),
					ExpectStatus: f.Checks.ExpectStatus, Roots: roots,
				}
				switch l.Transport {
				case fleet.UDP, fleet.TCP:
					out = append(out, spec)
				case fleet.TLS:
					out = append(out, spec)
					spec.Check.Kind = health.TLS
					out = append(out, spec)
				}
			}
		}
	}
	return out
}

// standingSpecs are the connections held open to see a dead process at once.
// They trigger checks and have no verdict of their own.
func standingSpecs(f *fleet.Fleet) []probes.Spec {
	var out []probes.Spec
	for _, s := range specsOf(f, nil) {
		if s.Check.Kind == health.Options && s.Check.Transport.Stream() {
			s.Check.Kind = health.Standing
			out = append(out, s)
		}
	}
	return out
}
