package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// What the zone above says is told when it is time for a person, and when it
// breaks the proof of the answers.
func TestZoneAboveIsJudged(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)
	s, machines := ready(t, now)
	key := func(letter string, stage steer.KeyStage) steer.ZoneKey {
		return steer.ZoneKey{Public: []byte(strings.Repeat(letter, 64)), Sealed: "sealed", Stage: stage, Since: now}
	}
	ds := func(letter string) string { return key(letter, "").Key().DS("voice.example.net.", srv.TypeDS).Text }
	says := func(list ...string) plan.ParentServer { return plan.ParentServer{Address: "192.0.2.1:53", DS: list} }
	silent := plan.ParentServer{Address: "192.0.2.2:53", Problem: "i/o timeout"}
	for name, c := range map[string]struct {
		keys  []steer.ZoneKey
		above []plan.ParentServer
		says  string // "" is nothing
		grade plan.Grade
	}{
		"nobody is asked":                    {[]steer.ZoneKey{key("a", steer.KeyActive)}, nil, "", ""},
		"not signed, not trusted":            {nil, []plan.ParentServer{says()}, "", ""},
		"not signed, and trusted":            {nil, []plan.ParentServer{says(ds("a"))}, "that the zone does not have", plan.Broken},
		"published":                          {[]steer.ZoneKey{key("a", steer.KeyPublished)}, []plan.ParentServer{says()}, "", ""},
		"ready":                              {[]steer.ZoneKey{key("a", steer.KeyReady)}, []plan.ParentServer{says()}, "", ""},
		"ready, and named":                   {[]steer.ZoneKey{key("a", steer.KeyReady)}, []plan.ParentServer{says(ds("a")), says(ds("a"))}, "it may sign now", plan.Warning},
		"ready, and named by one":            {[]steer.ZoneKey{key("a", steer.KeyReady)}, []plan.ParentServer{says(ds("a")), says()}, "", ""},
		"ready, one cannot be asked":         {[]steer.ZoneKey{key("a", steer.KeyReady)}, []plan.ParentServer{says(ds("a")), silent}, "i/o timeout", plan.Warning},
		"active, and named":                  {[]steer.ZoneKey{key("a", steer.KeyActive)}, []plan.ParentServer{says(ds("a"))}, "", ""},
		"active, and not named":              {[]steer.ZoneKey{key("a", steer.KeyActive)}, []plan.ParentServer{says()}, "nobody can prove", plan.Warning},
		"active, another one is named":       {[]steer.ZoneKey{key("a", steer.KeyActive)}, []plan.ParentServer{says(ds("b"))}, "forged", plan.Broken},
		"rolled over, the next is named":     {[]steer.ZoneKey{key("a", steer.KeyActive), key("b", steer.KeyReady)}, []plan.ParentServer{says(ds("b"))}, "it may sign now", plan.Warning},
		"rolled over, the next is not named": {[]steer.ZoneKey{key("a", steer.KeyActive), key("b", steer.KeyReady)}, []plan.ParentServer{says(ds("a"))}, "", ""},
		"leaving, and named":                 {[]steer.ZoneKey{key("a", steer.KeyLeaving)}, []plan.ParentServer{says(ds("a"))}, "", ""},
		"leaving, and not named":             {[]steer.ZoneKey{key("a", steer.KeyLeaving)}, []plan.ParentServer{says(), says()}, "may go", plan.Warning},
		"leaving, and named by one":          {[]steer.ZoneKey{key("a", steer.KeyLeaving)}, []plan.ParentServer{says(), says(ds("a"))}, "", ""},
		"what asks for no key, as a key":     {[]steer.ZoneKey{key("a", steer.KeyLeaving)}, []plan.ParentServer{says("768 0 2 D5F7")}, "a key 768 that the zone does not have", plan.Broken},
	} {
		t.Run(name, func(t *testing.T) {
			s := s
			s.ZoneKeys = c.keys
			got := plan.Readiness(s, plan.Seen{Machines: machines, Parent: c.above}, now)
			if c.says == "" && len(got) != 0 || c.says != "" && len(got) != 1 {
				t.Fatalf("%+v", got)
			}
			if c.says != "" && (!strings.Contains(got[0].Text, c.says) || got[0].Grade != c.grade || got[0].Next == "") {
				t.Errorf("%+v, want %q as %s, with a command", got[0], c.says, c.grade)
			}
		})
	}
}
