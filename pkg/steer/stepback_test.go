package steer_test

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestStepBackLeavesSomething: a site that begins to fail while it comes back
// goes out again, but not from where it is the only one that is left: there it
// stays as it is, as any last site does, and goes on when it is well.
func TestStepBackLeavesSomething(t *testing.T) {
	g := newGuarded(t, func(f *fleet.Fleet) {
		f.Policy.MaxSitesOut = 2
		f.Services[0].Sites = []fleet.SiteID{"calgary", "vancouver"}
		f.Services[1].Sites = []fleet.SiteID{"ottawa", "calgary"}
	})
	g.down("calgary")
	g.must(steer.Command{Kind: steer.KindFailover, Site: "calgary"})
	g.verdict("calgary", 0, health.Up, "")
	g.now = g.now.Add(2 * time.Minute)
	g.must(steer.Command{Kind: steer.KindFailback, Site: "calgary"})
	g.must(steer.Command{Kind: steer.KindDrain, Site: "vancouver", For: fleet.Duration(time.Hour), Now: true})
	g.down("calgary")
	g.lead(3 * time.Second)
	for _, st := range steer.Standings(g.s) {
		if st.Site != "calgary" {
			continue
		}
		want := steer.Gone
		if st.Service == "west.voice.example.net" {
			want = steer.Returning // nothing else is left there
		}
		if st.Place != want {
			t.Errorf("%s is %s, want %s", st.Slot, st.Place, want)
		}
	}
	g.verdict("calgary", 0, health.Up, "")
	g.lead(5 * time.Minute)
	if n := len(g.s.Failbacks); n != 0 {
		t.Errorf("%d failbacks are left when the site is well", n)
	}
}
