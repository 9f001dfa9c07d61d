package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestOutsSayTheWayBack: what is out is told once for each who took it out, with
// the command that brings it back as soon as the checks would have it.
func TestOutsSayTheWayBack(t *testing.T) {
	f := fleettest.ThreeSites()
	began := time.Date(2019, 2, 12, 15, 0, 0, 0, time.UTC)
	out := func(tr fleet.Transport, service fleet.ServiceID, by string, after time.Duration) steer.Out {
		return steer.Out{Slot: steer.Slot{Service: service, Site: "calgary", Transport: tr}, By: by, Reason: "r", Since: began.Add(after)}
	}
	a, b := f.Services[0].Name, f.Services[1].Name
	s := steer.State{Fleet: &f, Outs: []steer.Out{
		out(fleet.TCP, a, steer.AutomationOwner, time.Second), out(fleet.UDP, a, steer.AutomationOwner, 0), out(fleet.UDP, b, steer.AutomationOwner, 0),
		out(fleet.TLS, a, "ann", time.Minute),
	}}
	got := outs(s)
	if len(got) != 2 || len(got[0].Services) != 2 || strings.Join(got[0].Transports, " ") != "tcp udp" || !got[0].Since.Equal(began) || got[1].By != "ann" {
		t.Fatalf("%+v", got)
	}
	if got[0].Well || !strings.Contains(got[0].Next, "status --watch") {
		t.Errorf("nothing is known of it, and it says %+v", got[0])
	}
	for _, sw := range f.Sites[0].Softswitches {
		for _, l := range sw.Listeners {
			for _, k := range []health.Kind{health.Options, health.Register, health.TLS} {
				s.Verdicts = append(s.Verdicts, health.Verdict{Check: health.Check{Target: health.Target{Site: "calgary", Switch: sw.Name, Transport: l.Transport}, Kind: k}, Status: health.Up})
			}
		}
	}
	if got = outs(s); !got[0].Well || got[0].Next != "sipsteer failback calgary --reason …" {
		t.Errorf("it is up, and says %+v", got[0])
	}
	s.Failbacks = []steer.Failback{{Site: "calgary"}}
	if got = outs(s); got[0].Next != "" {
		t.Errorf("it comes back, and says %+v", got[0])
	}
	s.Runs = []steer.Run{{ID: "run-1", State: steer.RunDone}, {ID: "run-2", State: steer.RunPaused}}
	if r := runs(s); len(r) != 1 || r[0].Next != "sipsteer runbook resume run-2" {
		t.Errorf("%+v", r)
	}
}

// TestOutsWithAnEnd: who took something out for a time is told of it apart from
// who did not, without a command to type as long as it comes back by itself.
func TestOutsWithAnEnd(t *testing.T) {
	f := fleettest.ThreeSites()
	began := time.Date(2019, 2, 12, 15, 0, 0, 0, time.UTC)
	slot := func(tr fleet.Transport) steer.Slot {
		return steer.Slot{Service: f.Services[0].Name, Site: "calgary", Transport: tr}
	}
	o := steer.Out{Slot: slot(fleet.TCP), By: "ann", Reason: "r", Since: began}
	ends, stays := o, o
	ends.Slot, ends.Until = slot(fleet.UDP), began.Add(time.Hour)
	stays.Slot, stays.Until, stays.Stays = slot(fleet.TLS), began.Add(time.Hour), "not up"
	s := steer.State{Fleet: &f, Outs: []steer.Out{o, ends, stays}}
	for _, sw := range f.Sites[0].Softswitches {
		for _, l := range sw.Listeners {
			s.Verdicts = append(s.Verdicts, health.Verdict{Check: health.Check{Target: health.Target{Site: "calgary", Switch: sw.Name, Transport: l.Transport}, Kind: health.Options}, Status: health.Up})
		}
	}
	const back = "sipsteer failback calgary --reason …"
	got := outs(s)
	if len(got) != 3 || got[0].Next != back || got[1].Next != "" || !got[1].Until.Equal(ends.Until) || got[2].Next != back || got[2].Stays != "not up" {
		t.Errorf("%+v", got)
	}
}

// TestFailbackSaysForWhatItWaits: a return takes no step to where the site is not
// up, and says so.
func TestFailbackSaysForWhatItWaits(t *testing.T) {
	f := fleettest.ThreeSites()
	name := f.Services[0].Name
	s := steer.State{Fleet: &f, Failbacks: []steer.Failback{{
		Site: "calgary", Step: -1, Slots: []steer.Slot{{Service: name, Site: "calgary", Transport: fleet.UDP}, {Service: name, Site: "calgary", Transport: fleet.TLS}},
	}}}
	check := health.Check{Target: health.Target{Site: "calgary", Switch: f.Sites[0].Softswitches[0].Name, Transport: fleet.UDP}, Kind: health.Options}
	s.Verdicts = []health.Verdict{{Check: check, Status: health.Up}}
	if got := failbacks(s)[0].Waits; got != "when it is up over tls" {
		t.Errorf("waits %q", got)
	}
	check.Transport = fleet.TLS
	s.Verdicts = append(s.Verdicts, health.Verdict{Check: check, Status: health.Up})
	if got := failbacks(s)[0].Waits; got != "" {
		t.Errorf("well, it waits %q", got)
	}
}
