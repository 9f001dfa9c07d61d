package agent

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestTenantsOnEveryAgent imports through a follower, reads the table back in
// pages from each agent, and finds it after everything was restarted.
func TestTenantsOnEveryAgent(t *testing.T) {
	w := newWorld(t, nil)
	do := func(kind steer.Kind, c *api.TenantChange) {
		t.Helper()
		i := (w.leader() + 1) % len(w.agents)
		if _, err := w.agents[i].Do(t.Context(), api.CommandRequest{Kind: string(kind), By: "test", Reason: "import", Tenants: c}, false); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	state := w.agents[w.leader()].state()
	var changes []fleet.TenantChange
	for i := range 250 {
		changes = append(changes, fleet.TenantChange{Domain: fleet.TenantID(fmt.Sprintf("t%03d.%s", i, state.Fleet.Zone)), Service: state.Fleet.Services[0].Name})
	}
	parts := steer.TenantRows(changes, 2000)
	for i, rows := range parts {
		do(steer.KindTenantStage, &api.TenantChange{Upload: "u", Part: i, Rows: rows})
	}
	do(steer.KindTenantCommit, &api.TenantChange{Upload: "u", Part: len(parts)})
	read := func(a *Agent) (rows int) {
		for after := ""; ; {
			p, err := a.TenantPage(t.Context(), after, 100)
			if err != nil {
				t.Fatal(err)
			}
			rows += strings.Count(p.Rows, ",")
			if after = p.After; after == "" {
				return rows
			}
		}
	}
	everywhere := func() bool {
		for _, a := range w.agents {
			s, err := a.TenantSummary(t.Context())
			if err != nil || s.Tenants != 250 || read(a) != 250 {
				return false
			}
		}
		return true
	}
	w.eventually("the tenants are everywhere", everywhere)
	for i := range w.agents {
		w.stop(i)
	}
	for i := range w.agents {
		w.start(i)
	}
	w.leader()
	w.eventually("and after a restart", everywhere)
}
