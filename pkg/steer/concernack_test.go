package steer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func (g *guarded) ackConcern(c steer.Concern, lasts time.Duration) error {
	return g.apply(steer.Command{Kind: steer.KindConcernAck, Concerns: []steer.Concern{c}, For: fleet.Duration(lasts)})
}

// look is a look at readiness; it returns what people are told, and whether the
// State had to be told at all.
func (g *guarded) look(found ...steer.Concern) (told string, needed bool) {
	g.t.Helper()
	before := len(g.s.Events)
	needed = steer.NewConcerns(g.s, found, g.now)
	g.must(steer.Command{Kind: steer.KindLook, By: steer.AutomationOwner, Concerns: found})
	for _, e := range g.s.Events[before:] {
		told += e.Word + " " + e.Text
	}
	return told, needed
}

// TestAnAcknowledgedConcernComesBack: people are not told of it, neither when it
// is new nor when it lasts, until its end or until it has become worse.
func TestAnAcknowledgedConcernComesBack(t *testing.T) {
	warning := steer.Concern{Key: "certificate/ottawa//a.pem", Grade: steer.ConcernWarning, Text: "a.pem ends in 20 days"}
	broken := steer.Concern{Key: warning.Key, Grade: steer.ConcernBroken, Text: "a.pem has expired"}
	g := newGuarded(t, nil)
	epoch := g.s.Epoch
	if err := g.ackConcern(warning, 20*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if e := g.s.Events[len(g.s.Events)-1]; e.By != "alice" || e.Reason != "because" || e.Word != steer.ConcernAcked || !strings.Contains(e.Text, "certificate/ottawa//a.pem is known and accepted until 2026-01-21T12:00:00Z: a.pem ends in 20 days") {
		t.Errorf("%+v", e)
	}
	for i, c := range []struct {
		after  time.Duration
		found  []steer.Concern
		told   string
		needed bool
	}{
		{time.Hour, []steer.Concern{warning}, "", true},            // new, and accepted
		{15 * 24 * time.Hour, []steer.Concern{warning}, "", false}, // no nagging
		{time.Hour, nil, "ready", true},                            // gone,
		{time.Hour, []steer.Concern{warning}, "", true},            // and there again
		{5 * 24 * time.Hour, []steer.Concern{warning}, "warning readiness: 1 new concern: a.pem ends in 20 days (alice had acknowledged it until 2026-01-21T12:00:00Z: because; that time is over)", true},
		{time.Hour, []steer.Concern{warning}, "", false},
	} {
		g.now = g.now.Add(c.after)
		told, needed := g.look(c.found...)
		if !strings.HasPrefix(told, c.told) || c.told == "" && told != "" || needed != c.needed {
			t.Errorf("look %d: told %q, needed %t", i, told, needed)
		}
	}
	if err := g.ackConcern(warning, time.Hour); err != nil {
		t.Fatal(err)
	}
	if a := g.s.Concerns.Ack(warning.Key, warning.Grade, g.now); a == nil || a.Owner != "alice" || g.s.Concerns.Ack(warning.Key, broken.Grade, g.now) != nil || g.s.Concerns.Ack(warning.Key, warning.Grade, a.Until) != nil {
		t.Errorf("%+v", g.s.Concerns)
	}
	told, needed := g.look(broken)
	if !needed || !strings.HasPrefix(told, "broken readiness: 1 new concern: a.pem has expired (alice had acknowledged it") || !strings.HasSuffix(strings.TrimSuffix(told, "; sipsteer readiness shows what to type"), "it has become worse)") || len(g.s.Concerns.Acks) != 0 {
		t.Errorf("told %q, needed %t; %+v", told, needed, g.s.Concerns.Acks)
	}
	if err := g.ackConcern(broken, time.Hour); err != nil {
		t.Fatal(err)
	}
	if told, _ := g.look(warning); told != "" {
		t.Errorf("it is better than what was accepted: %q", told)
	}
	g.must(steer.Command{Kind: steer.KindConcernUnack, By: "bob", Concerns: []steer.Concern{{Key: "certificate/ottawa//a.pem"}}})
	if e := g.s.Events[len(g.s.Events)-1]; e.Word != steer.ConcernUnacked || !strings.Contains(e.Text, "no longer accepted (alice had until") || len(g.s.Concerns.Acks) != 0 {
		t.Errorf("%+v", e)
	}
	if g.s.Epoch != epoch {
		t.Error("the epoch went up for what changes no answer")
	}
}

// TestBadAcknowledgements: each is refused with what to type.
func TestBadAcknowledgements(t *testing.T) {
	g := newGuarded(t, nil)
	x := steer.Concern{Key: "drill/ottawa//", Grade: steer.ConcernWarning, Text: "never practised"}
	bad := func(name, want string, c steer.Command) {
		t.Helper()
		err := g.apply(c)
		var invalid *steer.Invalid
		var refusal *steer.Refusal
		if !errors.As(err, &invalid) && !errors.As(err, &refusal) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ack := func(c steer.Concern, lasts time.Duration) steer.Command {
		return steer.Command{Kind: steer.KindConcernAck, Concerns: []steer.Concern{c}, For: fleet.Duration(lasts)}
	}
	bad("no concern", "one concern must be named", steer.Command{Kind: steer.KindConcernAck, For: fleet.Duration(time.Hour)})
	bad("an empty one", "one concern must be named", ack(steer.Concern{}, time.Hour))
	bad("no end", "an end is required", ack(x, 0))
	bad("before now", "an end is required", ack(x, -time.Hour))
	bad("too long", "limit 720h0m0s", ack(x, steer.MaxConcernAck+time.Second))
	noReason := ack(x, time.Hour)
	noReason.Reason = "  "
	bad("no reason", "a reason is required", noReason)
	bad("not acknowledged", `"drill/ottawa//" is not acknowledged`, steer.Command{Kind: steer.KindConcernUnack, Concerns: []steer.Concern{x}})
	for i := range steer.MaxConcerns {
		g.must(ack(steer.Concern{Key: fmt.Sprintf("dns///%03d", i), Grade: steer.ConcernWarning}, time.Hour))
	}
	bad("too many", "100 concerns are acknowledged already", ack(x, time.Hour))
	g.must(ack(steer.Concern{Key: "dns///007", Grade: steer.ConcernWarning}, 2*time.Hour)) // renewed
	for _, k := range []steer.Kind{steer.KindConcernAck, steer.KindConcernUnack} {
		if n := (steer.Command{Kind: k}).Needs(); n != 2 {
			t.Errorf("%s needs version %d", k, n)
		}
	}
}
