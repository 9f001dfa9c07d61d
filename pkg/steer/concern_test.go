package steer_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestConcernsAreToldOnce: what is new, what becomes worse, that all is well
// again, and now and then what lasts.
func TestConcernsAreToldOnce(t *testing.T) {
	g := newGuarded(t, nil)
	drill := steer.Concern{Key: "drill/ottawa", Grade: steer.ConcernWarning, Text: "ottawa was never practised"}
	dns := steer.Concern{Key: "dns/1", Grade: steer.ConcernWarning, Text: "1 is behind"}
	silent := steer.Concern{Key: "dns/1", Grade: steer.ConcernBroken, Text: "1 is silent"}
	for i, c := range []struct {
		after time.Duration
		found []steer.Concern
		told  string // word and text of the event; "" for none
	}{
		{0, nil, ""},
		{time.Hour, []steer.Concern{drill, dns}, "warning readiness: 2 new concerns: 1 is behind; ottawa was never practised"},
		{time.Hour, []steer.Concern{drill, dns}, ""},
		{time.Hour, []steer.Concern{silent, drill}, "broken readiness: 1 new concern: 1 is silent"},
		{time.Hour, []steer.Concern{dns, drill}, ""},
		{8 * 24 * time.Hour, []steer.Concern{dns, drill}, "still readiness: 2 concerns still"},
		{time.Hour, []steer.Concern{silent}, "broken readiness: 1 new"},
		{25 * time.Hour, []steer.Concern{silent}, "still readiness: 1 concern still: 1 is silent"},
		{time.Hour, nil, "ready readiness: nothing would go wrong any more"},
	} {
		g.now = g.now.Add(c.after)
		sorted := slices.SortedFunc(slices.Values(c.found), func(a, b steer.Concern) int { return strings.Compare(a.Key, b.Key) })
		before := len(g.s.Events)
		needed := steer.NewConcerns(g.s, sorted, g.now)
		g.must(steer.Command{Kind: steer.KindLook, By: steer.AutomationOwner, Concerns: c.found})
		told := ""
		if len(g.s.Events) > before {
			e := g.s.Events[len(g.s.Events)-1]
			told = e.Word + " " + e.Text
		}
		if (told == "") != (c.told == "") || !strings.HasPrefix(told, c.told) {
			t.Errorf("look %d: told %q, want %q", i, told, c.told)
		}
		if told != "" && !needed {
			t.Errorf("look %d would not have been put on record", i)
		}
		if steer.NewConcerns(g.s, sorted, g.now) {
			t.Errorf("look %d: the same again is put on record again", i)
		}
	}
	if len(g.s.Concerns.List) != 0 {
		t.Errorf("%+v", g.s.Concerns)
	}
}
