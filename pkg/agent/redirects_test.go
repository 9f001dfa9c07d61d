package agent

import (
	"slices"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// healthy is a State of three sites in which all is up but what is named.
func healthy(t *testing.T, down ...fleet.SiteID) steer.State {
	t.Helper()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f := fleettest.ThreeSites()
	var verdicts []health.Verdict
	for _, s := range f.Sites {
		for _, sw := range s.Softswitches {
			for _, l := range sw.Listeners {
				status := health.Up
				if slices.Contains(down, s.Name) {
					status = health.Down
				}
				c := health.Check{Target: health.Target{Site: s.Name, Switch: sw.Name, Transport: l.Transport}, Kind: health.Options}
				verdicts = append(verdicts, health.Verdict{Check: c, Status: status, Since: now})
			}
		}
	}
	s := steer.New()
	for _, c := range []steer.Command{
		{Version: steer.CommandVersion, Kind: steer.KindSetFleet, At: now, By: "test", Fleet: &f},
		{Version: steer.CommandVersion, Kind: steer.KindVerdicts, At: now, Verdicts: verdicts},
	} {
		var err error
		if s, _, err = steer.Apply(s, c); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestRedirectTargets: a device without SRV is sent to a site that is healthy
// on its transport, never back to the one that sends it.
func TestRedirectTargets(t *testing.T) {
	for _, c := range []struct {
		down []fleet.SiteID
		want map[fleet.Transport][]string
	}{
		{nil, map[fleet.Transport][]string{
			fleet.UDP: {"sip:127.10.3.2:5060;transport=udp", "sip:127.10.2.2:5060;transport=udp"},
			fleet.TLS: {"sip:sip.vancouver.voice.example.net:5061;transport=tls", "sip:sip.ottawa.voice.example.net:5061;transport=tls"},
		}},
		{[]fleet.SiteID{"vancouver"}, map[fleet.Transport][]string{fleet.UDP: {"sip:127.10.2.2:5060;transport=udp"}}},
		{[]fleet.SiteID{"vancouver", "ottawa"}, map[fleet.Transport][]string{fleet.UDP: nil, fleet.TCP: nil, fleet.TLS: nil}},
	} {
		got := redirectTargets(healthy(t, c.down...), "calgary")
		for tr, want := range c.want {
			if !slices.Equal(got[tr], want) {
				t.Errorf("%v down, %s: %v, want %v", c.down, tr, got[tr], want)
			}
		}
	}
}
