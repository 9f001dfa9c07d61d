package agent

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestQuarantineReachesTheGates: a source that is kept out by one command is kept
// out by the gates of the sites that it is for, until it is let in.
func TestQuarantineReachesTheGates(t *testing.T) {
	f := fleettest.ThreeSites()
	s := steer.New()
	now := time.Now()
	apply := func(req api.CommandRequest) error {
		t.Helper()
		req.By, req.Reason = "alice", "mad"
		c, err := command(req, &f)
		if err != nil {
			return err
		}
		c.At = now
		s, _, err = steer.Apply(s, c)
		return err
	}
	var err error
	if s, _, err = steer.Apply(s, steer.Command{Version: 1, Kind: steer.KindSetFleet, At: now, By: "alice", Reason: "first", Fleet: &f}); err != nil {
		t.Fatal(err)
	}
	for _, r := range []api.CommandRequest{
		{Kind: "quarantine", Source: "203.0.113.7", For: "10m"},
		{Kind: "quarantine", Source: "198.51.100.77/24", For: "10m", Site: "calgary"},
	} {
		if err := apply(r); err != nil {
			t.Fatal(err)
		}
	}
	for site, want := range map[fleet.SiteID]int{"calgary": 2, "ottawa": 1} {
		got := gatePolicy(s, site, nil).Quarantine
		if len(got) != want || got[len(got)-1].Prefix.String() != "203.0.113.7/32" || !got[0].Until.Equal(now.Add(10*time.Minute)) {
			t.Errorf("%s: %+v", site, got)
		}
	}
	if err := apply(api.CommandRequest{Kind: "unquarantine", Source: "203.0.113.7"}); err != nil {
		t.Fatal(err)
	}
	if got := gatePolicy(s, "ottawa", nil).Quarantine; len(got) != 0 {
		t.Errorf("let in again: %+v", got)
	}
	var e *api.Error
	if err := apply(api.CommandRequest{Kind: "quarantine", Source: "nobody", For: "10m"}); !errors.As(err, &e) || e.Field != "source" {
		t.Errorf("no address: %v", err)
	}
}

// TestQuarantineSparesTheAgents: their checks come from addresses that State does
// not know.
func TestQuarantineSparesTheAgents(t *testing.T) {
	w := newWorld(t, nil)
	a := w.agents[w.leader()]
	host, err := netip.ParseAddrPort(a.peers()[0].API)
	if err != nil {
		t.Fatal(err)
	}
	var r *steer.Refusal
	if err := a.guardPeers(steer.Command{Kind: steer.KindQuarantine, Source: netip.PrefixFrom(host.Addr(), 24).Masked()}); !errors.As(err, &r) || r.Rule != steer.RuleOwnSites {
		t.Errorf("%v", err)
	}
	if err := a.guardPeers(steer.Command{Kind: steer.KindQuarantine, Source: netip.MustParsePrefix("203.0.113.7/32")}); err != nil {
		t.Errorf("a stranger: %v", err)
	}
	req := api.CommandRequest{Kind: "quarantine", Source: host.Addr().String(), For: "10m", By: "alice", Reason: "mistaken"}
	if _, err := a.Do(t.Context(), req, false); !errors.As(err, &r) {
		t.Errorf("done: %v", err)
	}
	if _, err := a.Plan(t.Context(), req); !errors.As(err, &r) {
		t.Errorf("planned: %v", err)
	}
}
