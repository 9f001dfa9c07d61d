package agent

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestDamagedStateStopsDeciding changes the State of the leader behind its
// back. It gives leadership up, serves what it served, and says so; the others
// go on.
func TestDamagedStateStopsDeciding(t *testing.T) {
	w := newWorld(t, nil)
	sick := w.leader()
	bad := w.agents[sick]
	s := bad.machine.State()
	s.Events = nil // what an operator would look for first
	bad.machine.mu.Lock()
	bad.machine.state = s
	bad.machine.mu.Unlock()
	before := w.hold(sick, "one")

	w.eventually("the damage is seen", func() bool { return bad.pub.frozen() != "" })
	w.eventually("another leads", func() bool { id, _ := bad.store.Leader(); return id != "" && id != bad.cfg.Name })
	served, _ := bad.pub.served()
	healthy := w.leader()
	epoch := w.hold(healthy, "two")
	if now, _ := bad.pub.served(); now.state.Epoch != served.state.Epoch || now.state.Epoch < before || epoch <= before {
		t.Errorf("the damaged agent serves epoch %d, before %d; others are at %d", now.state.Epoch, served.state.Epoch, epoch)
	}
	st, err := w.agents[healthy].Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, ag := range st.Agents {
		if named := strings.Contains(ag.Problem, "differs from the majority's"); named != (ag.Name == string(bad.cfg.Name)) {
			t.Errorf("agent %s: problem %q", ag.Name, ag.Problem)
		}
	}
	if err := bad.refuseSuspect(); api.AsError(err).Hint == "" {
		t.Errorf("refusal without a hint: %v", err)
	}

	// What was damaged was in memory only: the log has the truth.
	w.stop(sick)
	w.start(sick)
	w.eventually("it agrees again", func() bool {
		now, _ := w.agents[sick].pub.served()
		return now.state.Epoch >= epoch && w.agents[sick].pub.frozen() == "" && len(w.agents[sick].machine.State().Events) > 2
	})
}

// The State is summed as text; reading it back must not change the sum, or an
// agent that restored a snapshot would differ from one that applied the log.
func TestSumSurvivesSnapshot(t *testing.T) {
	w := newWorld(t, nil)
	w.hold(w.leader(), "something to tell")
	m := w.agents[0].machine
	want, err := m.Sum()()
	if err != nil {
		t.Fatal(err)
	}
	write, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := write(&text); err != nil {
		t.Fatal(err)
	}
	other := newMachine(zerolog.Nop(), func(steer.State) {})
	if err := other.Restore(strings.NewReader(text.String())); err != nil {
		t.Fatal(err)
	}
	if got, err := other.Sum()(); err != nil || got != want {
		t.Errorf("sum %s, want %s, %v", got.Short(), want.Short(), err)
	}
}
