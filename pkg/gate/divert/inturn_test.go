package divert

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// obedient does what it is told, unless it is broken.
type obedient struct {
	broken error
	does   gate.Mode
	told   int
	closed bool
}

func (o *obedient) Apply(_ context.Context, p gate.Policy) error {
	o.told++
	if o.broken != nil {
		return o.broken
	}
	o.does = p.Rules[fleet.UDP].Mode
	return nil
}

func (o *obedient) Close() error { o.closed = true; return nil }

// TestFallsBack: the next driver refuses while the one before it is broken, and is
// told to stop when that works again. What happened is said, and what is in
// force counts as in force.
func TestFallsBack(t *testing.T) {
	first, second, third := &obedient{}, &obedient{}, &obedient{}
	in, err := NewInTurn(Named{"nftables", first}, Named{"edge", second}, Named{"exec", third})
	if err != nil {
		t.Fatal(err)
	}
	drain := gate.Rule{Mode: gate.Draining}
	look := func(name string, wantNote string, wantErr bool, want ...gate.Mode) {
		t.Helper()
		err := in.Apply(t.Context(), policy(drain))
		if (err != nil) != wantErr || !strings.Contains(in.Note(), wantNote) || wantNote == "" && in.Note() != "" {
			t.Errorf("%s: %v, note %q, want %q", name, err, in.Note(), wantNote)
		}
		for i, o := range []*obedient{first, second, third} {
			if o.broken == nil && o.does != want[i] {
				t.Errorf("%s: driver %d does %s, want %s", name, i, o.does, want[i])
			}
		}
	}
	second.does = gate.Draining // left from before a restart
	look("all well", "", false, gate.Draining, gate.Open, gate.Open)
	told := second.told
	look("nothing new", "", false, gate.Draining, gate.Open, gate.Open)
	if second.told != told {
		t.Error("the second one is told again and again")
	}
	first.broken = errors.New("no capability")
	look("the first is broken", "fell back to driver edge, since nftables: no capability", false, 0, gate.Draining, gate.Open)
	second.broken = errors.New("no answer")
	look("both are broken", "fell back to driver exec, since nftables: no capability; edge: no answer", false, 0, 0, gate.Draining)
	third.broken = errors.New("exit 1")
	look("all are broken", "", true, 0, 0, 0)
	first.broken, third.broken = nil, nil
	look("the first works", "driver edge cannot be told", false, gate.Draining, 0, gate.Open)
	second.broken = nil
	look("all work", "", false, gate.Draining, gate.Open, gate.Open)
	if err := in.Close(); err != nil || !first.closed || !third.closed {
		t.Errorf("closed %v and %v: %v", first.closed, third.closed, err)
	}
}

// TestFallbackIsShown: what stands in is in force, and the operator is told what
// does not work.
func TestFallbackIsShown(t *testing.T) {
	first := &obedient{broken: errors.New("no capability")}
	in, err := NewInTurn(Named{"nftables", first}, Named{"edge", &obedient{}})
	if err != nil {
		t.Fatal(err)
	}
	f := follow(t, in)
	drain := gate.Rule{Mode: gate.Draining}
	f.SetPolicy(policy(drain))
	eventually(t, "it is in force", func() bool { return f.Policy().Rules[fleet.UDP] == drain })
	if got := f.Note(); f.Problem() != "" || !strings.Contains(got, "fell back to driver edge, since nftables: no capability") {
		t.Errorf("note %q, problem %q", got, f.Problem())
	}
}

// keeper is an obedient driver that keeps sources in quarantine out.
type keeper struct{ obedient }

func (k *keeper) KeepsOut() bool { return true }

// TestKeepsOut: who is in quarantine is kept out while the driver that can do it
// works, and not while another one stands in for it.
func TestKeepsOut(t *testing.T) {
	kernel := &keeper{}
	in, err := NewInTurn(Named{"nftables", kernel}, Named{"edge", &obedient{}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(Config{Driver: in, Transports: both, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	d.SetPolicy(policy(gate.Rule{}))
	if d.KeepsOut() {
		t.Error("nothing was tried yet")
	}
	for _, broken := range []error{nil, errors.New("no permission"), nil} {
		kernel.broken = broken
		d.look(t.Context())
		if d.KeepsOut() != (broken == nil) {
			t.Errorf("broken %v: keeps out %v", broken, d.KeepsOut())
		}
	}
}
