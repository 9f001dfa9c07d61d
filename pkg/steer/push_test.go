package steer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestPush: who has devices asked stands in the trail, and no answer changes.
func TestPush(t *testing.T) {
	g := newGuarded(t, nil)
	epoch := g.s.Epoch
	g.must(steer.Command{Kind: steer.KindPush, Site: "calgary", Push: &steer.Push{Count: 7, Devices: []string{"a@b\x1b[2J", "c", "d", "e", "f", "g", "h"}}})
	e := g.s.Events[len(g.s.Events)-1]
	if want := "7 devices that still come to calgary are asked to look again (check-sync): a@b [2J, c, d, e, f and 2 more"; e.Text != want || e.By != "alice" || e.Reason != "because" || e.Word != steer.GatePush || e.Value != "7" {
		t.Errorf("%+v", e)
	}
	g.must(steer.Command{Kind: steer.KindPush, Site: "calgary", Push: &steer.Push{Count: 1}})
	if e := g.s.Events[len(g.s.Events)-1]; e.Text != "a device that still comes to calgary is asked to look again (check-sync)" {
		t.Errorf("%+v", e)
	}
	if g.s.Epoch != epoch {
		t.Errorf("epoch %d became %d", epoch, g.s.Epoch)
	}
	g.must(steer.Command{Kind: steer.KindPush, Site: "calgary", Push: &steer.Push{Count: 1, Calls: 3}, Override: []steer.Rule{steer.RuleCallsSurvive}})
	if n := len(g.s.Events); g.s.Events[n-2].Kind != steer.EventOverride || g.s.Events[n-1].Word != steer.GatePush {
		t.Errorf("%+v", g.s.Events[n-2:])
	}
	for name, c := range map[string]steer.Command{
		"no such site": {Site: "atlantis", Push: &steer.Push{Count: 1}}, "nobody": {Site: "calgary", Push: &steer.Push{}}, "nothing": {Site: "calgary"},
	} {
		c.Kind = steer.KindPush
		var invalid *steer.Invalid
		if err := g.apply(c); !errors.As(err, &invalid) || !strings.Contains(invalid.Hint, "sipsteer ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if v := (steer.Command{Kind: steer.KindPush}).Needs(); v != 4 {
		t.Errorf("programs of version %d would stop at it", v)
	}
}
