package agent

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// TestListenersOf: what several agents saw of one listener is one certificate, the one
// that ends first; what none of them saw, or the fleet does not have, is none.
func TestListenersOf(t *testing.T) {
	f := fleettest.ThreeSites()
	sw := f.Sites[0].Softswitches[0]
	check := func(name fleet.SwitchID, k health.Kind) health.Check {
		return health.Check{Target: health.Target{Site: f.Sites[0].Name, Switch: name, Transport: fleet.TLS}, Kind: k}
	}
	seen := func(c health.Check, days int) api.CheckSeen {
		at := noon.AddDate(0, 0, days)
		return api.CheckSeen{Check: c, CertificateEnds: &at, CertificateOf: "west\x1b[2J"}
	}
	got := listenersOf(&f, []api.AgentChecks{
		{Agent: "a", Checks: []api.CheckSeen{seen(check(sw.Name, health.TLS), 9), {Check: check(sw.Name, health.Options)}, seen(check("gone", health.TLS), 1)}},
		{Agent: "b", Checks: []api.CheckSeen{seen(check(sw.Name, health.TLS), 5), seen(check(sw.Name, "certificates:all"), 3)}},
		{Agent: "c", Problem: "not reachable"},
	})
	if len(got) != 2 || got[0].Check != "certificates:all" || got[1].Check != health.TLS {
		t.Fatalf("%+v", got)
	}
	if l := got[1]; l.Until.Sub(noon) != 5*24*time.Hour || l.Of != "west?[2J" || l.Address != listenerAddress(sw) || l.Place != string(sw.Name)+"/tls" {
		t.Errorf("%+v", l)
	}
}

func listenerAddress(sw fleet.Softswitch) string {
	for _, l := range sw.Listeners {
		if l.Transport == fleet.TLS {
			return l.Address.String()
		}
	}
	return "none"
}
