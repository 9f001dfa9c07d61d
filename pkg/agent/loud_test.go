package agent

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/probes/metrics"
)

func byDefault() (health.LoudLimits, bool) {
	return health.LoudLimits{Least: 50, Times: 10, Learn: 10 * time.Minute}, true
}

// TestLoudSourceIsNamedWithACommand: an hour of a gate, then one source begins far
// more than all others: it is named with the command that keeps it out, that
// command is one, and once it is kept out it is not named any more.
func TestLoudSourceIsNamedWithACommand(t *testing.T) {
	tr, now := newTraffic("calgary", metrics.New(metrics.Config{}), byDefault), noon
	look := func(times int, l gate.Live) (bad []health.Opinion) {
		for range 200 {
			l.Sources = append(l.Sources, gate.SourceRate{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(len(l.Sources))}), 32), PerSecond: 0.1})
		}
		for range times {
			l.SourcesAt = now
			tr.look(l, now)
			tr.look(l, now) // the same window is counted once
			now = now.Add(trafficPeriod)
		}
		for _, o := range tr.said() {
			if o.Status == health.Down {
				bad = append(bad, o)
			}
		}
		return bad
	}
	if bad := look(360, gate.Live{}); len(bad) != 0 {
		t.Fatalf("in the usual hour: %+v", bad)
	}
	flood := gate.Live{Sources: []gate.SourceRate{{Prefix: netip.MustParsePrefix("203.0.113.7/32"), PerSecond: 900}}}
	bad := look(3, flood)
	if len(bad) != 1 || !strings.HasPrefix(bad[0].Detail, "203.0.113.7 begins 900 requests a second since") {
		t.Fatalf("%+v", bad)
	}
	next := keepOutCommand(bad[0].Check)
	if want := `sipsteer gate quarantine add 203.0.113.7 --site calgary --for 30m --reason "sends far more than others"`; next != want {
		t.Errorf("%s\nwant %s", next, want)
	}
	x := loudSources([]api.Attention{{Check: bad[0].Check, Detail: bad[0].Detail, Next: next}, {Check: tr.check("method REGISTER")}})
	f := fleettest.ThreeSites()
	s, _, err := steer.Apply(steer.New(), steer.Command{Version: 1, Kind: steer.KindSetFleet, At: noon, By: "alice", Reason: "first", Fleet: &f})
	if err != nil {
		t.Fatal(err)
	}
	concerns := fmt.Sprint(plan.ConcernsOf(s, plan.Readiness(s, plan.Seen{Sources: x}, noon)))
	if !strings.Contains(concerns, "traffic/calgary//203.0.113.7/32 broken calgary: 203.0.113.7 begins 900") || !strings.Contains(concerns, next) {
		t.Errorf("%s", concerns)
	}
	flood.Quarantine = []gate.QuarantineReport{{Quarantined: gate.Quarantined{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Until: now.Add(time.Hour)}}}
	if bad := look(1, flood); len(bad) != 0 {
		t.Errorf("in quarantine: %+v", bad)
	}
	flood.Quarantine[0].Until = now
	if bad := look(3, flood); len(bad) != 1 {
		t.Errorf("after its quarantine: %+v", bad)
	}
}

// TestLoudSourcesAreToldByTheirOwnSite: the leader hears of a source from the site
// whose gate it is at, while that agent is heard, and not of one that is only over
// the fixed limit for a moment.
func TestLoudSourcesAreToldByTheirOwnSite(t *testing.T) {
	peers := []Peer{{Name: "a-cgy", Site: "calgary"}, {Name: "a-ott", Site: "ottawa"}}
	o := newOpinions(func() []Peer { return peers }, time.Second)
	about := func(site fleet.SiteID, source string, cause health.Cause, status health.Status) health.Opinion {
		c := newTraffic(site, nil, byDefault).check(sourceName(netip.MustParsePrefix(source)))
		return health.Opinion{Check: c, Status: status, Cause: cause, Detail: "sends\x1b[2J a lot"}
	}
	say := func(agent, site string, all ...health.Opinion) {
		t.Helper()
		if err := o.take(api.Report{Agent: agent, Site: site, Seq: 1, Opinions: all}, noon); err != nil {
			t.Fatal(err)
		}
	}
	say("a-cgy", "calgary",
		about("calgary", "203.0.113.7/32", health.CauseHigh, health.Down),
		about("calgary", "2001:db8:1::/64", health.CauseHigh, health.Down),
		about("calgary", "203.0.113.8/32", health.CauseLimit, health.Down),
		about("calgary", "203.0.113.9/32", health.CauseNone, health.Up),
		health.Opinion{Check: newTraffic("calgary", nil, byDefault).check("method REGISTER"), Status: health.Down, Cause: health.CauseHigh})
	say("a-ott", "ottawa", about("calgary", "198.51.100.1/32", health.CauseHigh, health.Down))
	got := fmt.Sprint(o.loud(noon))
	if want := "[{203.0.113.7/32 calgary sends?[2J a lot} {2001:db8:1::/64 calgary sends?[2J a lot}]"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := o.loud(noon.Add(time.Second)); len(got) != 0 {
		t.Errorf("of an agent that is not heard: %v", got)
	}
}
