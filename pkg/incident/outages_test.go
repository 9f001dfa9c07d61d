package incident_test

import (
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// outage is one of the five that the program is measured against.
type outage struct {
	name, zone string
	play       func(t *testing.T) *replay
}

func outages() []outage {
	return []outage{
		{"calgary-tls", "America/Edmonton", calgaryTLS},
		{"dr-corruption", "America/Toronto", drCorruption},
		{"noisy-neighbour", "America/Vancouver", noisyNeighbour},
		{"key-reset", "America/Toronto", keyReset},
		{"bad-certificate", "Europe/Paris", badCertificate},
	}
}

// calgaryTLS: TLS hangs at one site, everything else works.
func calgaryTLS(t *testing.T) *replay {
	r := newReplay(t, "2019-02-12 15:00:00", nil)
	r.until("17:15:08")
	r.fails("calgary", health.TLS, health.CauseTLSHang, fleet.TLS)
	r.until("17:21:30")
	r.says(steer.KindIncidentDeclare, "alice", steer.IncidentChange{ID: r.state.Incidents[0].ID, Text: "vendor called, ticket 88123"})
	r.until("17:58:10")
	r.says(steer.KindIncidentIdentify, "alice", steer.IncidentChange{Cause: "the session ticket store of the Calgary softswitch was full; handshakes waited for ever"})
	r.until("18:30:00")
	r.works("calgary", health.TLS, fleet.TLS)
	r.until("19:00:00")
	r.does(steer.Command{Kind: steer.KindFailback, Site: "calgary", By: "alice", Reason: "vendor patch, stable for 30 minutes"})
	r.until("19:10:00")
	r.says(steer.KindIncidentResolve, "alice", steer.IncidentChange{})
	return r
}

// drCorruption: the standby site copied the damage of the first.
func drCorruption(t *testing.T) *replay {
	all := []fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS}
	r := newReplay(t, "2022-10-04 08:40:00", nil)
	r.until("09:02:00")
	r.fails("ottawa", health.Options, health.CauseStatus, all...)
	r.until("09:02:20")
	r.fails("calgary", health.Options, health.CauseStatus, all...)
	r.until("09:10:00")
	r.does(steer.Command{Kind: steer.KindFailover, Site: "calgary", By: "bob", Reason: "calls fail"}, steer.RuleOneAtATime)
	r.until("09:12:00")
	r.says(steer.KindIncidentIdentify, "bob", steer.IncidentChange{Cause: "a damaged subscriber database was replicated to both sites"})
	r.until("10:05:00")
	r.works("calgary", health.Options, all...)
	r.until("10:20:00")
	r.works("ottawa", health.Options, all...)
	r.until("10:40:00")
	r.does(steer.Command{Kind: steer.KindFailback, Site: "ottawa", By: "bob", Reason: "restored from the delayed copy"})
	r.until("10:50:00")
	r.says(steer.KindIncidentResolve, "bob", steer.IncidentChange{})
	return r
}

// noisyNeighbour: a site is slow under load, looks well without it, and fails
// again as the load returns.
func noisyNeighbour(t *testing.T) *replay {
	r := newReplay(t, "2021-06-15 09:00:00", nil)
	r.until("16:00:00")
	r.fails("calgary", health.Options, health.CauseTimeout, fleet.UDP, fleet.TCP, fleet.TLS)
	r.until("16:30:00")
	r.works("calgary", health.Options, fleet.UDP, fleet.TCP, fleet.TLS)
	r.until("17:05:00")
	r.does(steer.Command{Kind: steer.KindFailback, Site: "calgary", By: "carol", Reason: "looks well"})
	r.until("17:06:30")
	r.fails("calgary", health.Options, health.CauseTimeout, fleet.UDP)
	r.until("17:20:00")
	r.says(steer.KindIncidentNote, "carol", steer.IncidentChange{Text: "the hypervisor's storage is at 100 %: a backup of another customer"})
	r.until("18:00:00")
	r.works("calgary", health.Options, fleet.UDP)
	r.says(steer.KindIncidentIdentify, "carol", steer.IncidentChange{Cause: "a neighbour's backup took the disk of the hypervisor"})
	r.until("20:00:00")
	r.does(steer.Command{Kind: steer.KindFailback, Site: "calgary", By: "carol", Reason: "moved to its own storage"})
	r.until("20:10:00")
	r.says(steer.KindIncidentResolve, "carol", steer.IncidentChange{})
	return r
}

// keyReset: an import reset the devices' keys; everything answers and nobody
// can log in.
func keyReset(t *testing.T) *replay {
	r := newReplay(t, "2023-03-21 13:00:00", nil)
	for _, s := range []fleet.SiteID{"calgary", "ottawa", "vancouver"} {
		r.check(s, fleet.UDP, health.Register, health.Up, "")
	}
	r.decide()
	r.until("13:55:00")
	f := *r.state.Fleet
	r.does(steer.Command{Kind: steer.KindSetFleet, By: "dave", Reason: "import of 4,000 device keys", Fleet: &f})
	r.until("14:00:00")
	for _, s := range []fleet.SiteID{"calgary", "ottawa", "vancouver"} {
		r.check(s, fleet.UDP, health.Register, health.Down, health.CauseAuth)
	}
	r.decide()
	r.until("14:11:00")
	r.says(steer.KindIncidentDeclare, "erin", steer.IncidentChange{ID: r.state.Incidents[0].ID, Text: "first customer called at 13:56"})
	r.until("14:14:00")
	r.says(steer.KindIncidentIdentify, "erin", steer.IncidentChange{Cause: "the import of 13:55 replaced every device's key"})
	r.until("14:48:00")
	for _, s := range []fleet.SiteID{"calgary", "ottawa", "vancouver"} {
		r.check(s, fleet.UDP, health.Register, health.Up, "")
	}
	r.decide()
	r.until("15:00:00")
	r.says(steer.KindIncidentResolve, "erin", steer.IncidentChange{})
	return r
}

// badCertificate: a certificate that no softswitch can load; a person has to
// move the traffic, since the services only advise.
func badCertificate(t *testing.T) *replay {
	r := newReplay(t, "2024-01-09 05:30:00", func(f *fleet.Fleet) {
		for i := range f.Services {
			f.Services[i].Automation = fleet.AutomationAdvise
		}
	})
	r.until("06:02:40")
	r.fails("calgary", health.TLS, health.CauseCertInvalid, fleet.TLS)
	r.until("06:31:00")
	r.does(steer.Command{Kind: steer.KindFailover, Site: "calgary", Transport: fleet.TLS, By: "frank", Reason: "TLS is dead since the certificate run"})
	r.until("07:10:00")
	r.says(steer.KindIncidentIdentify, "frank", steer.IncidentChange{Cause: "certificate 412 of 1,000 has a broken extension; the TLS stack refuses the whole set"})
	r.until("07:20:00")
	r.works("calgary", health.TLS, fleet.TLS)
	return r
}
