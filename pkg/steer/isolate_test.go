package steer_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// loudAt is what the gate of a site finds of some sources.
func loudAt(site fleet.SiteID, sources ...string) (out []steer.LoudSource) {
	for _, s := range sources {
		out = append(out, steer.LoudSource{Prefix: netip.MustParsePrefix(s), Site: site, Text: "begins 900 requests a second"})
	}
	return out
}

// isolates decides and applies, and returns who is kept out by automation.
func (g *guarded) isolates(loud []steer.LoudSource) string {
	g.t.Helper()
	in := steer.Input{Now: g.now, Settled: true, Loud: loud}
	for _, c := range steer.Decide(g.s, in) {
		g.must(c)
	}
	if again := steer.Decide(g.s, in); len(again) != 0 {
		g.t.Errorf("decided twice: %+v", again)
	}
	out := ""
	for _, q := range g.s.Quarantines {
		if q.Owner == steer.AutomationOwner {
			out += fmt.Sprintf("%s@%s ", q.Prefix, q.Site)
		}
	}
	return strings.TrimSpace(out)
}

func acts(f *fleet.Fleet) {
	f.Policy.Isolate = fleet.Isolate{Automation: fleet.AutomationAct, MaxSources: 2, For: fleet.Duration(20 * time.Minute)}
}

// TestIsolate: what automation keeps out, and for how long.
func TestIsolate(t *testing.T) {
	own := netip.PrefixFrom(newGuarded(t, nil).f.Sites[0].Addresses[0], 32).String()
	for _, c := range []struct {
		name   string
		fleet  func(*fleet.Fleet)
		before func(*guarded)
		loud   []steer.LoudSource
		want   string
	}{
		{"where nothing is said", nil, nil, loudAt("calgary", "203.0.113.7/32"), ""},
		{"where it only advises", func(f *fleet.Fleet) { f.Policy.Isolate.Automation = fleet.AutomationAdvise }, nil, loudAt("calgary", "203.0.113.7/32"), ""},
		{"where it acts, at that site", acts, nil, loudAt("calgary", "203.0.113.7/32"), "203.0.113.7/32@calgary"},
		{"a network of IPv6", acts, nil, loudAt("calgary", "2001:db8::/64"), "2001:db8::/64@calgary"},
		{"no more than it may", acts, nil, append(loudAt("calgary", "203.0.113.7/32", "203.0.113.8/32"), loudAt("ottawa", "203.0.113.9/32")...), "203.0.113.7/32@calgary 203.0.113.8/32@calgary"},
		{"no network", acts, nil, loudAt("calgary", "203.0.113.0/24", "2001:db8::/48"), ""},
		{"not the fleet's own", acts, nil, loudAt("calgary", own), ""},
		{"while it is held", acts, func(g *guarded) { g.must(steer.Command{Kind: steer.KindHold, For: fleet.Duration(time.Hour)}) }, loudAt("calgary", "203.0.113.7/32"), ""},
		{"whom a person keeps out", acts, func(g *guarded) { g.must(keepOut("203.0.113.0/24", "", time.Hour)) }, loudAt("calgary", "203.0.113.7/32"), ""},
		{"whom a person keeps out elsewhere", acts, func(g *guarded) { g.must(keepOut("203.0.113.7/32", "ottawa", time.Hour)) }, loudAt("calgary", "203.0.113.7/32"), "203.0.113.7/32@calgary"},
	} {
		g := newGuarded(t, c.fleet)
		if c.before != nil {
			c.before(g)
		}
		if got := g.isolates(c.loud); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestIsolateEnds: by its time, and by a person, whose word counts until the block
// is over.
func TestIsolateEnds(t *testing.T) {
	g, loud := newGuarded(t, acts), loudAt("calgary", "203.0.113.7/32")
	if got := steer.Decide(g.s, steer.Input{Now: g.now, Loud: loud}); len(got) != 0 {
		t.Errorf("a leader that has just begun: %+v", got)
	}
	g.isolates(loud)
	said := g.s.Events[len(g.s.Events)-1].Text
	if want := "until 2026-01-01T12:20:00Z: begins 900 requests a second; sipsteer gate quarantine remove 203.0.113.7/32 --site calgary lets it in"; !strings.HasSuffix(said, want) {
		t.Errorf("%s\nwant %s", said, want)
	}
	g.now = g.now.Add(20 * time.Minute)
	if got := g.isolates(nil); got != "" {
		t.Errorf("after its time: %s", got)
	}
	if got := g.isolates(loud); got == "" {
		t.Error("it goes on, and is let in")
	}
	g.must(steer.Command{Kind: steer.KindUnquarantine, Source: loud[0].Prefix})
	g.now = g.now.Add(59 * time.Minute)
	if got := g.isolates(loud); got != "" {
		t.Errorf("after a person let it in: %s", got)
	}
	g.now = g.now.Add(time.Minute)
	if got := g.isolates(loud); got == "" {
		t.Error("after the block it is left alone still")
	}
	g.must(steer.Command{Kind: steer.KindUnquarantine, Source: loud[0].Prefix})
	if len(g.s.Spared) != 1 {
		t.Errorf("what is over is remembered: %+v", g.s.Spared)
	}
}

// TestIsolationIsExplained: why of a name has who is kept out at its sites, and
// each change that touched it once, however many transports it has.
func TestIsolationIsExplained(t *testing.T) {
	g := newGuarded(t, func(f *fleet.Fleet) {
		acts(f)
		f.Services[1].Sites = []fleet.SiteID{"ottawa", "vancouver"}
	})
	g.verdict("calgary", fleet.UDP, health.Down, health.CauseTimeout)
	g.isolates(loudAt("calgary", "203.0.113.7/32"))
	west, err := steer.Explain(g.s, string(g.f.Services[0].Name))
	if err != nil {
		t.Fatal(err)
	}
	if len(west.KeptOut) != 1 || west.KeptOut[0].Source != "203.0.113.7/32" || west.KeptOut[0].Owner != steer.AutomationOwner || !west.KeptOut[0].Until.Equal(g.now.Add(20*time.Minute)) {
		t.Errorf("kept out at calgary: %+v", west.KeptOut)
	}
	said := map[string]int{}
	for _, e := range west.Events {
		said[fmt.Sprint(e.Revision, e.Text)]++
	}
	for text, n := range said {
		if n > 1 {
			t.Errorf("said %d times: %s", n, text)
		}
	}
	if len(said) < 2 {
		t.Errorf("events %v", said)
	}
	if east, err := steer.Explain(g.s, string(g.f.Services[1].Name)); err != nil || len(east.KeptOut) != 0 {
		t.Errorf("a service that is not at calgary: %+v, %v", east.KeptOut, err)
	}
	g.must(keepOut("198.51.100.0/24", "", time.Hour))
	if east, _ := steer.Explain(g.s, string(g.f.Services[1].Name)); len(east.KeptOut) != 1 || east.KeptOut[0].Site != "" {
		t.Errorf("kept out at all sites: %+v", east.KeptOut)
	}
}

// TestACommonCauseNamesTheFlood: the source that floods a gate is named where
// automation holds back, when it is found, and not any more when it is quiet; what
// else is held back is said as before.
func TestACommonCauseNamesTheFlood(t *testing.T) {
	g := newGuarded(t, func(f *fleet.Fleet) {
		for i := range f.Services {
			f.Services[i].Automation = fleet.AutomationAct
		}
	})
	g.verdict("calgary", fleet.UDP, health.Down, health.CauseTimeout)
	g.verdict("vancouver", fleet.UDP, health.Down, health.CauseTimeout)
	decide := func(loud []steer.LoudSource) (said []string) {
		t.Helper()
		in := steer.Input{Now: g.now, Settled: true, Loud: loud}
		for _, c := range steer.Decide(g.s, in) {
			g.must(c)
		}
		if again := steer.Decide(g.s, in); len(again) != 0 {
			t.Errorf("decided twice: %+v", again)
		}
		for _, a := range g.s.Advice {
			if strings.Contains(a.Text, "203.0.113.7/32 sends far more") {
				said = append(said, string(a.Site)+" "+a.Next)
			}
		}
		return said
	}
	if said := decide(nil); len(said) != 0 || len(g.s.Advice) == 0 {
		t.Fatalf("before it is found: %q of %+v", said, g.s.Advice)
	}
	said := decide(loudAt("vancouver", "203.0.113.7/32"))
	if len(said) == 0 {
		t.Fatalf("not named: %+v", g.s.Advice)
	}
	for _, x := range said {
		if !strings.HasPrefix(x, "vancouver sipsteer gate quarantine add 203.0.113.7/32 --site vancouver --for 30m --reason …   # keeps that source out; ") || !strings.Contains(x, "sipsteer failover vancouver") {
			t.Errorf("said %q", x)
		}
	}
	if said := decide(nil); len(said) != 0 {
		t.Errorf("after it is quiet: %q", said)
	}
}
