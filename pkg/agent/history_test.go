package agent

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestBackInTime brings an earlier epoch back, also at an agent that does not
// have it itself, and after everything was restarted.
func TestBackInTime(t *testing.T) {
	w := newWorld(t, nil)
	first := w.hold(0, "one")
	second := w.hold(0, "two")
	w.eventually("kept everywhere", func() bool {
		return !slices.ContainsFunc(w.agents, func(a *Agent) bool { _, err := a.Past(t.Context(), second, true); return err != nil })
	})
	p, err := w.agents[1].Past(t.Context(), first, true)
	if err != nil || len(p.State.Holds) != 1 || p.State.Holds[0].Reason != "one" || len(p.State.Events) != 0 || len(p.Events) == 0 {
		t.Fatalf("epoch %d: %+v, %v", first, p.State.Holds, err)
	}
	d, err := w.agents[2].Diff(t.Context(), first, 0)
	if err != nil || len(d.Intents) != 1 || d.Intents[0].Before != "by test: one" || d.Intents[0].After != "by test: two" {
		t.Errorf("diff %+v, %v", d, err)
	}

	// An agent that lost its past asks the others.
	w.stop(2)
	if err := os.RemoveAll(filepath.Join(w.cfgs[2].Dir, "history")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(w.cfgs[2].Dir, "history"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.start(2)
	w.leader()
	req := api.CommandRequest{Kind: string(steer.KindRollback), By: "test", Reason: "bad day", Epoch: first, Override: []string{"target-proven"}}
	plan, err := w.agents[2].Plan(t.Context(), req)
	if err != nil || plan.Refusal != nil || plan.Command.Past == nil {
		t.Fatalf("plan %+v, %v", plan, err)
	}
	res, err := w.agents[2].Do(t.Context(), req, false)
	if err != nil || res.Epoch <= second {
		t.Fatalf("rollback to %d: epoch %d, %v", first, res.Epoch, err)
	}
	if h := w.agents[2].state().Holds; len(h) != 1 || h[0].Reason != "one" {
		t.Errorf("holds after the rollback: %+v", h)
	}
	var e *api.Error
	if _, err := w.agents[0].Past(t.Context(), 99999, false); !errors.As(err, &e) || e.Category != api.Invalid || e.Hint == "" {
		t.Errorf("epoch of the future: %v", err)
	}
}

func TestAgentsHaveTheSamePast(t *testing.T) {
	w := newWorld(t, nil)
	w.hold(0, "one")
	last := w.hold(0, "two")
	w.eventually("kept everywhere", func() bool {
		return !slices.ContainsFunc(w.agents, func(a *Agent) bool { _, err := a.Past(t.Context(), last, true); return err != nil })
	})
	for i := range w.agents { // read the log again: nothing is kept twice
		w.stop(i)
		w.start(i)
	}
	w.leader()
	want, err := w.agents[0].Verify(t.Context())
	if err != nil || len(want.Records) < 3 || len(want.Damaged) != 0 {
		t.Fatalf("%+v, %v", want, err)
	}
	for _, a := range w.agents[1:] {
		got, err := a.Verify(t.Context())
		if n := min(len(got.Records), len(want.Records)); err != nil || n < 3 || !slices.Equal(got.Records[:n], want.Records[:n]) {
			t.Errorf("%s has %d records, %v:\n%+v\n%+v", got.Agent, len(got.Records), err, got.Records, want.Records)
		}
	}
	epochs, err := w.agents[1].Epochs(t.Context(), 10)
	if err != nil || epochs[0].Text == "" || epochs[len(epochs)-1].Epoch < last {
		t.Errorf("epochs %+v, %v", epochs, err)
	}
}
