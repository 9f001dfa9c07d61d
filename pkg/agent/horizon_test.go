package agent

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestHorizon: nobody is a straggler while an answer of before may still be held.
func TestHorizon(t *testing.T) {
	s := healthy(t)
	at := time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)
	do := func(c steer.Command) {
		t.Helper()
		c.Version, c.At, c.By, c.Reason = steer.CommandVersion, at, "test", "because"
		var err error
		if s, _, err = steer.Apply(s, c); err != nil {
			t.Fatal(err)
		}
	}
	if h := horizon(s, "calgary"); !h.IsZero() {
		t.Errorf("in peace: %s", h)
	}
	do(steer.Command{Kind: steer.KindDrain, Site: "calgary", For: fleet.Duration(time.Hour), Now: true})
	ttl, grace := s.Fleet.Policy.TTLNormal.D(), s.Fleet.Policy.DrainGrace.D()
	if h, want := horizon(s, "calgary"), at.Add(ttl+grace); h != want {
		t.Errorf("drained at once: %s, want %s", h, want)
	}
	if h := horizon(s, "ottawa"); !h.IsZero() {
		t.Errorf("another site: %s", h)
	}
}
