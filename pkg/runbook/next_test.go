package runbook_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// desk carries runbooks on in virtual time.
type desk struct {
	t      *testing.T
	now    time.Time
	state  steer.State
	facts  runbook.Facts
	events []steer.Event
	inHand map[string]bool
	called map[string]int // attempts outside, by key
	mute   bool           // errands never come back
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC), state: steer.New(), inHand: map[string]bool{}, called: map[string]int{}}
	f := fleettest.ThreeSites()
	d.do(steer.Command{Kind: steer.KindSetFleet, By: "init", Fleet: &f})
	for _, s := range f.Sites {
		d.health(s.Name, health.Up)
	}
	return d
}

func (d *desk) do(c steer.Command) error {
	c.Version, c.At = steer.CommandVersion, d.now
	next, events, err := steer.Apply(d.state, c)
	d.state, d.events = next, append(d.events, events...)
	return err
}

func (d *desk) must(c steer.Command) {
	d.t.Helper()
	if err := d.do(c); err != nil {
		d.t.Fatalf("%s: %v", c.Kind, err)
	}
}

func (d *desk) health(site fleet.SiteID, s health.Status) {
	var list []health.Verdict
	for _, l := range d.state.Fleet.Site(site).Softswitches[0].Listeners {
		c := health.Check{Target: health.Target{Site: site, Switch: d.state.Fleet.Site(site).Softswitches[0].Name, Transport: l.Transport}, Kind: health.Options}
		list = append(list, health.Verdict{Check: c, Status: s, Since: d.now})
	}
	d.must(steer.Command{Kind: steer.KindVerdicts, By: steer.AutomationOwner, Verdicts: list})
}

// start binds and starts a runbook and returns the run's ID.
func (d *desk) start(b runbook.Book, values map[string]string) string {
	d.t.Helper()
	if p := b.Validate(); len(p) > 0 {
		d.t.Fatalf("the runbook is not valid: %v", p)
	}
	p, err := runbook.Bind(&b, values, d.state.Fleet)
	if err != nil {
		d.t.Fatal(err)
	}
	d.must(steer.Command{Kind: steer.KindRunStart, By: "alice", Reason: "test", Run: &steer.RunChange{Procedure: p}})
	return d.state.Runs[len(d.state.Runs)-1].ID
}

// round is one look of the leader.
func (d *desk) round() bool {
	d.facts.State = d.state
	moves := runbook.Next(&d.facts, d.now, func(k string) bool { return d.inHand[k] })
	for _, m := range moves {
		d.must(m)
	}
	for _, e := range runbook.Errands(&d.state, moves) {
		d.called[e.Key[:strings.IndexByte(e.Key, '#')]]++
		d.inHand[e.Key] = true
		if !d.mute {
			d.must(steer.Command{Kind: steer.KindRunMove, By: steer.AutomationOwner, Run: &steer.RunChange{ID: e.Run, Step: e.Step, To: steer.MoveDone}})
		}
	}
	return len(moves) > 0
}

// rest goes on until nothing more is to be done now.
func (d *desk) rest() {
	d.t.Helper()
	for i := 0; d.round(); i++ {
		if i > 1000 {
			d.t.Fatal("the leader never comes to rest")
		}
	}
}

func (d *desk) pass(by time.Duration) {
	d.t.Helper()
	for end := d.now.Add(by); d.now.Before(end); {
		d.now = d.now.Add(time.Second)
		for _, c := range steer.Decide(d.state, steer.Input{Now: d.now, Settled: true}) {
			d.must(c)
		}
		d.rest()
	}
}

func (d *desk) run(id string) *steer.Run { return d.state.Run(id) }

func (d *desk) wants(id string, state steer.RunState) {
	d.t.Helper()
	if r := d.run(id); r.State != state {
		d.t.Fatalf("%s is %s (%s), want %s", id, r.State, r.Why, state)
	}
}

func (d *desk) count(kind steer.EventKind, word string) int {
	n := 0
	for _, e := range d.events {
		if e.Kind == kind && (word == "" || e.Word == word) {
			n++
		}
	}
	return n
}

func book(steps ...steer.Step) runbook.Book {
	return runbook.Book{Format: 1, Name: "test", Summary: "for the test", Values: []runbook.Value{{Name: "site", Kind: "site", Default: "calgary"}}, Steps: steps}
}

func TestStepsWaitForEachOtherAndBranchesDoNot(t *testing.T) {
	d := newDesk(t)
	id := d.start(book(
		steer.Step{ID: "a", Do: steer.ActApprove, Text: "go?", People: 2},
		steer.Step{ID: "b", Do: steer.ActManual, Text: "left", After: []string{"start"}},
		steer.Step{ID: "c", Do: steer.ActNotify, Text: "both", After: []string{"a", "b"}},
	), nil)
	d.rest()
	r := d.run(id)
	if r.Progress[0].State != steer.StepRunning || r.Progress[1].State != steer.StepRunning || r.Progress[2].State != steer.StepPending {
		t.Fatalf("%+v", r.Progress)
	}
	yes := func(by, step string) error {
		return d.do(steer.Command{Kind: steer.KindRunApprove, By: by, Run: &steer.RunChange{ID: id, Step: step}})
	}
	if err := yes("alice", "a"); err != nil {
		t.Fatal(err)
	}
	if err := yes("alice", "a"); err == nil || !strings.Contains(err.Error(), "another person") {
		t.Fatalf("the same person twice: %v", err)
	}
	if err := yes("bob via alice", "a"); err == nil {
		t.Fatal("one person with two names is two people")
	}
	if err := yes("bob", "a"); err != nil {
		t.Fatal(err)
	}
	d.rest()
	if d.count(steer.EventNotify, "") != 0 {
		t.Fatal("c did not wait for b")
	}
	if err := yes("carol", "b"); err != nil {
		t.Fatal(err)
	}
	d.rest()
	d.wants(id, steer.RunDone)
	if d.count(steer.EventNotify, "") != 1 {
		t.Fatal("c was not done once")
	}
}

func TestAnApprovalExpires(t *testing.T) {
	d := newDesk(t)
	id := d.start(book(steer.Step{ID: "a", Do: steer.ActApprove, Text: "go?", Limit: fleet.Duration(time.Minute)}), nil)
	d.pass(2 * time.Minute)
	d.wants(id, steer.RunStopped)
	err := d.do(steer.Command{Kind: steer.KindRunApprove, By: "bob", Run: &steer.RunChange{ID: id, Step: "a"}})
	if err == nil || !strings.Contains(err.Error(), "does not wait") {
		t.Fatalf("an approval after its time: %v", err)
	}
	if next := d.run(id).Next(); !strings.Contains(next, "resume") || !strings.Contains(next, "undo") {
		t.Fatalf("nothing half-done without a next command: %q", next)
	}
	d.must(steer.Command{Kind: steer.KindRunResume, By: "bob", Run: &steer.RunChange{ID: id}})
	d.rest()
	d.must(steer.Command{Kind: steer.KindRunApprove, By: "bob", Run: &steer.RunChange{ID: id, Step: "a"}})
	d.rest()
	d.wants(id, steer.RunDone)
}

func TestAConditionMustStayTrue(t *testing.T) {
	d := newDesk(t)
	d.health("ottawa", health.Down)
	id := d.start(book(steer.Step{ID: "a", Do: steer.ActWait, Until: `well("ottawa")`, Stays: fleet.Duration(30 * time.Second)}), nil)
	d.pass(time.Minute)
	d.health("ottawa", health.Up)
	d.pass(20 * time.Second)
	d.health("ottawa", health.Down) // the break starts the time again
	d.pass(time.Second)
	d.health("ottawa", health.Up)
	d.pass(25 * time.Second)
	d.wants(id, steer.RunRunning)
	d.pass(10 * time.Second)
	d.wants(id, steer.RunDone)
}

func TestUndoGoesBackwards(t *testing.T) {
	d := newDesk(t)
	id := d.start(book(
		steer.Step{ID: "still", Do: steer.ActHold, Undo: &steer.Undo{Do: steer.ActRelease}},
		steer.Step{ID: "out", Do: steer.ActDrain, Site: "${site}", Now: true, Undo: &steer.Undo{Do: steer.ActUndrain, Now: true}},
		steer.Step{ID: "bad", Do: steer.ActVerify, Until: `sites_up("west") == 3`, OnLimit: steer.LimitUndo},
	), map[string]string{"site": "calgary"})
	d.pass(3 * time.Second)
	d.wants(id, steer.RunUndone)
	if len(d.state.Drains) != 0 || len(d.state.Holds) != 0 {
		t.Fatalf("left behind: %v %v", d.state.Drains, d.state.Holds)
	}
	undrain := slices.IndexFunc(d.events, func(e steer.Event) bool { return e.Kind == steer.EventUndrain })
	release := slices.IndexFunc(d.events, func(e steer.Event) bool { return e.Kind == steer.EventRelease })
	if undrain < 0 || release < undrain {
		t.Fatalf("the last step is not taken back first: undrain %d, release %d", undrain, release)
	}
}

func TestARefusedStepStopsAndNamesTheWayOn(t *testing.T) {
	d := newDesk(t)
	d.must(steer.Command{Kind: steer.KindDrain, Site: "ottawa", By: "bob", Reason: "other work", For: fleet.Duration(time.Hour), Now: true})
	id := d.start(book(steer.Step{ID: "out", Do: steer.ActDrain, Site: "calgary"}), nil)
	d.rest()
	d.wants(id, steer.RunStopped)
	if r := d.run(id); !strings.Contains(r.Why, "one-at-a-time") || r.Next() == "" {
		t.Fatalf("why %q, next %q", r.Why, r.Next())
	}
	if d.count(steer.EventRefused, "") != 1 {
		t.Fatal("the refusal is not in the audit trail")
	}
	d.must(steer.Command{Kind: steer.KindUndrain, Site: "ottawa", By: "bob", Now: true})
	d.must(steer.Command{Kind: steer.KindRunResume, By: "alice", Run: &steer.RunChange{ID: id}})
	d.rest()
	d.wants(id, steer.RunDone)
}

func TestTwoRunsOnOneSite(t *testing.T) {
	d := newDesk(t)
	b := book(steer.Step{ID: "a", Do: steer.ActManual, Text: "x"})
	first := d.start(b, nil)
	p, err := runbook.Bind(&b, nil, d.state.Fleet)
	if err != nil {
		t.Fatal(err)
	}
	err = d.do(steer.Command{Kind: steer.KindRunStart, By: "bob", Reason: "r", Run: &steer.RunChange{Procedure: p}})
	if err == nil || !strings.Contains(err.Error(), "one-run") {
		t.Fatalf("a second run at calgary: %v", err)
	}
	d.must(steer.Command{Kind: steer.KindRunAbort, By: "bob", Reason: "r", Run: &steer.RunChange{ID: first}})
	d.start(b, nil)
}

func TestAbortIf(t *testing.T) {
	d := newDesk(t)
	b := book(
		steer.Step{ID: "out", Do: steer.ActDrain, Site: "calgary", Now: true, Undo: &steer.Undo{Do: steer.ActUndrain, Now: true}},
		steer.Step{ID: "look", Do: steer.ActManual, Text: "look"},
	)
	b.AbortIf = []string{`not well("ottawa")`}
	id := d.start(b, nil)
	d.pass(5 * time.Second)
	d.wants(id, steer.RunRunning)
	d.health("ottawa", health.Down)
	d.pass(time.Second)
	d.wants(id, steer.RunUndone)
	if len(d.state.Drains) != 0 {
		t.Fatal("the drain stayed")
	}
}

func TestErrandsOfALeaderThatIsGone(t *testing.T) {
	for _, c := range []struct {
		step  steer.Step
		calls int
		state steer.RunState
	}{
		{steer.Step{ID: "a", Do: steer.ActWebhook, URL: "https://x.example/", Tries: 3}, 3, steer.RunStopped},
		{steer.Step{ID: "a", Do: steer.ActExec, Command: []string{"/bin/true"}}, 1, steer.RunStopped},
		{steer.Step{ID: "a", Do: steer.ActExec, Command: []string{"/bin/true"}, Until: `held()`}, 1, steer.RunDone},
	} {
		d := newDesk(t)
		d.mute = true
		id := d.start(book(c.step), nil)
		d.rest()
		if c.step.Until != "" {
			d.must(steer.Command{Kind: steer.KindHold, By: "the program", Reason: "its effect", For: fleet.Duration(time.Hour)})
		}
		for range 5 { // leaders come and go
			clear(d.inHand)
			d.rest()
		}
		d.wants(id, c.state)
		if n := d.called[id+"/a"]; n != c.calls {
			t.Errorf("%s with until %q: %d calls, want %d", c.step.Do, c.step.Until, n, c.calls)
		}
	}
}

// TestAnyLeaderAtAnyTime: moves are lost, made twice and made late by leaders
// that do not know of each other, and every effect happens once all the same.
func TestAnyLeaderAtAnyTime(t *testing.T) {
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		d := newDesk(t)
		var steps []steer.Step
		for i := range 30 {
			s := steer.Step{ID: fmt.Sprintf("s%d", i), Do: steer.ActNotify, Text: fmt.Sprint(i)}
			switch i % 5 {
			case 1:
				s = steer.Step{ID: s.ID, Do: steer.ActHold}
			case 2:
				s = steer.Step{ID: s.ID, Do: steer.ActRelease}
			case 3:
				s = steer.Step{ID: s.ID, Do: steer.ActWait, Until: "not held()", Stays: fleet.Duration(2 * time.Second)}
			case 4:
				s = steer.Step{ID: s.ID, Do: steer.ActWebhook, URL: "https://x.example/", Tries: 10}
			}
			steps = append(steps, s)
		}
		id := d.start(book(steps...), nil)
		var old []steer.Command
		for i := 0; d.run(id).State == steer.RunRunning && i < 5000; i++ {
			d.now = d.now.Add(500 * time.Millisecond)
			d.facts.State = d.state
			moves := runbook.Next(&d.facts, d.now, func(k string) bool { return d.inHand[k] })
			switch rnd.IntN(4) {
			case 0: // the leader dies before it has proposed
				clear(d.inHand)
				continue
			case 1: // another leader makes older moves again
				for _, m := range old {
					d.must(m)
				}
			case 2: // it dies after it has proposed, before it does the errands
				for _, m := range moves {
					d.must(m)
				}
				clear(d.inHand)
				continue
			}
			d.round()
			old = append(old, moves...)
		}
		d.wants(id, steer.RunDone)
		for i := range 30 {
			if n := d.count(steer.EventNotify, ""); n != 6 {
				t.Fatalf("seed %d: %d notices, want 6", seed, n)
			}
			if s := d.run(id).Progress[i]; s.State != steer.StepDone {
				t.Fatalf("seed %d: step %d is %s", seed, i, s.State)
			}
		}
		if h, r := d.count(steer.EventHold, ""), d.count(steer.EventRelease, ""); h != 6 || r != 6 {
			t.Fatalf("seed %d: %d holds and %d releases, want 6 each", seed, h, r)
		}
		if b, e := d.count(steer.EventRun, "begun"), d.count(steer.EventRun, "step-done"); b != 30 || e != 30 {
			t.Fatalf("seed %d: %d steps begun, %d done", seed, b, e)
		}
	}
}
