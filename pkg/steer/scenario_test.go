package steer_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestScenarios plays the files of testdata. The handler's switch is the
// reference of the small language; -rewrite refreshes the expectations, and a
// changed one is committed only when it can be explained.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			w := &world{t: t, now: time.Date(2019, 2, 12, 15, 0, 0, 0, time.UTC), verdicts: map[health.Check]health.Verdict{}}
			datadriven.RunTest(t, path, w.run)
		})
	}
}

// world is a leader without Raft: it applies what Decide proposes, in virtual
// time.
type world struct {
	t        *testing.T
	now      time.Time
	state    steer.State
	verdicts map[health.Check]health.Verdict
	loud     []steer.LoudSource
	settled  bool
	out      strings.Builder
}

func (w *world) run(t *testing.T, d *datadriven.TestData) string {
	w.t = t
	w.out.Reset()
	switch d.Cmd {
	case "fleet": // set the three-site fleet, all checks up; args: automation=… min_sites=… max_out=…
		w.setFleet(d)
	case "verdict": // SITE STATUS [transport=…] [cause=…]: all its transports, or one
		w.verdict(d)
	case "loud": // SITE SOURCE: what its gate finds
		w.loud = append(w.loud, loudAt(fleet.SiteID(d.CmdArgs[0].Key), d.CmdArgs[1].Key)...)
		w.decide()
	case "quiet": // SITE
		w.loud = slices.DeleteFunc(w.loud, func(l steer.LoudSource) bool { return string(l.Site) == d.CmdArgs[0].Key })
		w.decide()
	case "op": // KIND SITE [now] [service=] [transport=] [for=] [reason=] [by=] [override=] [epoch=] [softswitch=] [check=]
		w.op(d)
	case "advance": // DURATION in steps of one second, deciding at each
		w.advance(d)
	case "unsettled", "settled": // a new leader's observation window
		w.settled = d.Cmd == "settled"
		w.decide()
	case "answer": // SERVICE [TRANSPORT]: the records
		w.answer(d)
	case "gates":
		w.gates()
	case "status": // intents and what automation says
		w.status()
	default:
		t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
	}
	if w.state.Fleet != nil {
		zone := steer.Records(w.state)
		if err := zone.Check(); err != nil {
			t.Fatalf("%s: zone: %v", d.Pos, err)
		}
	}
	if w.out.Len() == 0 {
		return "ok\n"
	}
	return w.out.String()
}

func (w *world) setFleet(d *datadriven.TestData) {
	f := fleettest.ThreeSites()
	for i := range f.Services {
		if d.HasArg("automation") {
			var a string
			d.ScanArgs(w.t, "automation", &a)
			f.Services[i].Automation = fleet.Automation(a)
		}
	}
	d.MaybeScanArgs(w.t, "min_sites", &f.Policy.MinSites)
	d.MaybeScanArgs(w.t, "max_out", &f.Policy.MaxSitesOut)
	w.settled = true
	w.apply(steer.Command{Kind: steer.KindSetFleet, By: "init", Fleet: &f})
	for _, s := range f.Sites {
		for _, sw := range s.Softswitches {
			for _, l := range sw.Listeners {
				c := health.Check{Target: health.Target{Site: s.Name, Switch: sw.Name, Transport: l.Transport}, Kind: health.Options}
				w.verdicts[c] = health.Verdict{Check: c, Status: health.Up, Since: w.now}
			}
		}
	}
	w.quiet(w.decide)
}

func (w *world) quiet(f func()) {
	f()
	w.out.Reset()
}

func (w *world) verdict(d *datadriven.TestData) {
	site := fleet.SiteID(d.CmdArgs[0].Key)
	var status health.Status
	if err := status.UnmarshalText([]byte(d.CmdArgs[1].Key)); err != nil {
		d.Fatalf(w.t, "%v", err)
	}
	var transport, cause string
	d.MaybeScanArgs(w.t, "transport", &transport)
	d.MaybeScanArgs(w.t, "cause", &cause)
	n := 0
	for c, v := range w.verdicts {
		if c.Site == site && (transport == "" || c.Transport.String() == transport) {
			if v.Status != status {
				v.Since = w.now
			}
			v.Status, v.Cause = status, health.Cause(cause)
			w.verdicts[c] = v
			n++
		}
	}
	if n == 0 {
		d.Fatalf(w.t, "no check matches")
	}
	w.decide()
}

func (w *world) op(d *datadriven.TestData) {
	c := steer.Command{Kind: steer.Kind(d.CmdArgs[0].Key), By: "alice", Reason: "test"}
	c.Maintenance = c.Kind == steer.KindDrain // as a leader gives it to voters that all know it
	if c.Kind == steer.KindDrain || c.Kind == steer.KindHold || c.Kind == steer.KindSilence {
		c.For = fleet.Duration(2 * time.Hour)
	}
	for _, a := range d.CmdArgs[1:] {
		val := strings.Join(a.Vals, ",")
		switch a.Key {
		case "now":
			c.Now = true
		case "service":
			c.Service = fleet.ServiceID(val + ".voice.example.net")
		case "transport":
			c.Transport, _ = fleet.ParseTransport(val)
		case "for":
			dur, err := time.ParseDuration(val)
			if err != nil {
				d.Fatalf(w.t, "%v", err)
			}
			c.For = fleet.Duration(dur)
		case "reason":
			c.Reason = val
		case "by":
			c.By = val
		case "id":
			c.ID = val
		case "override":
			for _, v := range a.Vals {
				c.Override = append(c.Override, steer.Rule(v))
			}
		case "epoch":
			fmt.Sscan(val, &c.ExpectEpoch)
		case "softswitch":
			c.Silence = &steer.SilenceChange{Switch: fleet.SwitchID(val)}
		case "check":
			c.Silence = &steer.SilenceChange{Check: health.Kind(val)}
		default:
			c.Site = fleet.SiteID(a.Key)
			c.Target = a.Key // of unsilence
		}
	}
	w.apply(c)
	w.decide()
}

func (w *world) apply(c steer.Command) {
	c.Version, c.At = steer.CommandVersion, w.now
	next, events, err := steer.Apply(w.state, c)
	if next.Epoch < w.state.Epoch {
		w.t.Fatalf("epoch-forward: %d after %d", next.Epoch, w.state.Epoch)
	}
	w.state = next
	var refusal *steer.Refusal
	var invalid *steer.Invalid
	switch {
	case errors.As(err, &refusal):
		fmt.Fprintf(&w.out, "REFUSED %s: %s\n  now %s; limit %s\n  next: %s\n", refusal.Rule, refusal.Text, refusal.Value, refusal.Limit, refusal.Next)
	case errors.As(err, &invalid):
		fmt.Fprintf(&w.out, "INVALID %s: %s\n  hint: %s\n", invalid.Field, invalid.Message, invalid.Hint)
	case err != nil:
		w.t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind != steer.EventRefused {
			fmt.Fprintf(&w.out, "%s e%d [%s] %s\n", w.now.Format("15:04:05"), e.Epoch, e.Kind, e.Text)
		}
	}
}

func (w *world) decide() {
	in := steer.Input{Now: w.now, Settled: w.settled, Loud: w.loud}
	for _, v := range w.verdicts {
		in.Verdicts = append(in.Verdicts, v)
	}
	slices.SortFunc(in.Verdicts, func(a, b health.Verdict) int { return a.Check.Compare(b.Check) })
	for _, c := range steer.Decide(w.state, in) {
		w.apply(c)
	}
	if again := steer.Decide(w.state, in); len(again) > 0 {
		w.t.Fatalf("Decide is not at rest: proposes %v again", again)
	}
}

func (w *world) advance(d *datadriven.TestData) {
	dur, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		d.Fatalf(w.t, "%v", err)
	}
	for end := w.now.Add(dur); w.now.Before(end); {
		w.now = w.now.Add(time.Second)
		w.decide()
	}
}

func (w *world) answer(d *datadriven.TestData) {
	zone := steer.Records(w.state)
	service := d.CmdArgs[0].Key + ".voice.example.net."
	for _, s := range zone.Sets {
		transport := ""
		if len(d.CmdArgs) > 1 {
			tr, err := fleet.ParseTransport(d.CmdArgs[1].Key)
			if err != nil {
				d.Fatalf(w.t, "%v", err)
			}
			transport = tr.Label() + "."
		}
		if s.Name != transport+service && (transport != "" || !strings.HasSuffix(s.Name, "."+service)) {
			continue
		}
		for _, data := range s.Data {
			fmt.Fprintf(&w.out, "%s %d %s %s\n", strings.TrimSuffix(s.Name, ".voice.example.net."), s.TTL, s.Type, strings.TrimSuffix(data.String(), ".voice.example.net."))
		}
	}
}

func (w *world) gates() {
	states := steer.GateStates(w.state)
	for _, site := range w.state.Fleet.SiteIDs() {
		g := states[site]
		fmt.Fprintf(&w.out, "%s %s:", site, g.Mode())
		for _, r := range g.Rules {
			fmt.Fprintf(&w.out, " %s=%s", r.Transport, r.Mode)
			if r.PassInvite {
				w.out.WriteString("(calls pass)")
			}
		}
		w.out.WriteString("\n")
	}
}

func (w *world) status() {
	for _, dr := range w.state.Drains {
		fmt.Fprintf(&w.out, "drain %s: %s\n", dr.Scope(), dr.Stage)
	}
	for _, f := range w.state.Failbacks {
		fmt.Fprintf(&w.out, "failback %s: step %d of %d slots\n", f.Site, f.Step, len(f.Slots))
	}
	fmt.Fprintf(&w.out, "outs %d, blocks %d\n", len(w.state.Outs), len(w.state.Blocks))
	for _, o := range w.state.Outs {
		if !o.Until.IsZero() {
			fmt.Fprintf(&w.out, "out %s by %s: %s\n", o.Slot, o.By, o.Lasts())
		}
	}
	for _, a := range w.state.Advice {
		fmt.Fprintf(&w.out, "advice %s %s: %s\n", a.Slot, a.Rule, a.Next)
	}
	for _, in := range w.state.Incidents {
		fmt.Fprintf(&w.out, "incident %s: %s\n", in.State, in.Summary)
	}
}
