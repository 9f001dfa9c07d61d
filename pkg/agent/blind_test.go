package agent

import (
	"fmt"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// TestBlindOf: who asks and learns nothing, where nobody else does, or at the site
// itself; one that has only begun, or is only shown, is not counted.
func TestBlindOf(t *testing.T) {
	at := func(k health.Kind, tr fleet.Transport, verdict string, outcomes ...string) api.CheckSeen {
		c := api.CheckSeen{Check: health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: tr}, Kind: k}, Verdict: verdict}
		for _, o := range outcomes {
			c.Recent = append(c.Recent, api.Sample{Outcome: o, Detail: "no password"})
		}
		return c
	}
	const none, well = "no-data", "success"
	agents := func(calgary, ottawa []api.CheckSeen) []api.AgentChecks {
		return []api.AgentChecks{{Agent: "calgary", Site: "calgary", Checks: calgary}, {Agent: "ottawa", Site: "ottawa", Checks: ottawa}, {Agent: "vancouver", Problem: "not reachable"}}
	}
	list := func(all ...api.CheckSeen) []api.CheckSeen { return all }
	for name, c := range map[string]struct {
		agents []api.AgentChecks
		want   string
	}{
		"all see": {agents(list(at("options", fleet.UDP, "up", none, none, well)), list(at("options", fleet.UDP, "up", well, well, well))), "[]"},
		"nobody sees": {
			agents(list(at("register", fleet.UDP, "up", well, none, none, none), at("register", fleet.TLS, "up", none, none, none)), list(at("register", fleet.UDP, "up", none, none, none), at("register", fleet.TLS, "up", none, none, none))),
			"[{calgary register [tls udp] [calgary ottawa] true no password}]",
		},
		"its own agent does not": {
			agents(list(at("register", fleet.UDP, "up", none, none, none)), list(at("register", fleet.UDP, "up", well, well, well))),
			"[{calgary register [udp] [calgary] false no password}]",
		},
		"another one does not": {agents(list(at("register", fleet.UDP, "up", well, well, well)), list(at("register", fleet.UDP, "up", none, none, none))), "[]"},
		"it has begun":         {agents(list(at("register", fleet.UDP, "unknown", none, none)), list(at("register", fleet.UDP, "unknown", none))), "[]"},
		"only shown":           {agents(list(at("storage:disk", fleet.UDP, "", none, none, none)), nil), "[]"},
	} {
		if got := fmt.Sprint(blindOf(c.agents)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
