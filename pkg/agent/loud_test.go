package agent

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/probes/metrics"
)

// TestLoudSourceIsNamedWithACommand: an hour of a gate, then one source begins far
// more than all others: it is named with the command that keeps it out, that
// command is one, and once it is kept out it is not named any more.
func TestLoudSourceIsNamedWithACommand(t *testing.T) {
	tr, now := newTraffic("calgary", metrics.New(metrics.Config{})), noon
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
