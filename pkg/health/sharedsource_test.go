package health_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// TestOneSourceIsACommonCause: when the checks of two sites went down while one
// source was loud at both gates.
func TestOneSourceIsACommonCause(t *testing.T) {
	const window = time.Minute
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	down := func(site fleet.SiteID, tr fleet.Transport, kind health.Kind, since time.Duration) health.Verdict {
		return health.Verdict{Check: health.Check{Target: health.Target{Site: site, Switch: "s", Transport: tr}, Kind: kind}, Status: health.Down, Cause: health.CauseTimeout, Since: at(since)}
	}
	flood := func(source string, site fleet.SiteID, since, over time.Duration) health.Flood {
		f := health.Flood{Prefix: netip.MustParsePrefix(source), Site: site, Since: at(since)}
		if over > 0 {
			f.Over = at(over)
		}
		return f
	}
	calgary := down("calgary", fleet.UDP, health.Options, 10*time.Minute)
	ottawa := down("ottawa", fleet.TCP, health.Register, 40*time.Minute)
	const x, y = "203.0.113.7/32", "198.51.100.0/24"
	for _, c := range []struct {
		name     string
		verdicts []health.Verdict
		floods   []health.Flood
		want     string // kind, transport and source of each
	}{
		{"nobody floods", []health.Verdict{calgary, ottawa}, nil, ""},
		{"named after both failed, inside the window", []health.Verdict{calgary, ottawa}, []health.Flood{flood(x, "calgary", 10*time.Minute+window, 0), flood(x, "ottawa", 40*time.Minute, 0)}, "options/udp 203.0.113.7/32 register/tcp 203.0.113.7/32"},
		{"named long before, and still", []health.Verdict{calgary, ottawa}, []health.Flood{flood(x, "calgary", 0, 0), flood(x, "ottawa", 0, 0)}, "options/udp 203.0.113.7/32 register/tcp 203.0.113.7/32"},
		{"named only long after one failed", []health.Verdict{calgary, ottawa}, []health.Flood{flood(x, "calgary", 10*time.Minute+window+1, 0), flood(x, "ottawa", 40*time.Minute, 0)}, ""},
		{"over long before one failed", []health.Verdict{calgary, ottawa}, []health.Flood{flood(x, "calgary", time.Minute, 9*time.Minute-1), flood(x, "ottawa", 40*time.Minute, 0)}, ""},
		{"over shortly before", []health.Verdict{calgary, ottawa}, []health.Flood{flood(x, "calgary", time.Minute, 9*time.Minute), flood(x, "ottawa", 40*time.Minute, 0)}, "options/udp 203.0.113.7/32 register/tcp 203.0.113.7/32"},
		{"a source for each", []health.Verdict{calgary, ottawa}, []health.Flood{flood(x, "calgary", 10*time.Minute, 0), flood(y, "ottawa", 40*time.Minute, 0)}, ""},
		{"one site is well", []health.Verdict{calgary}, []health.Flood{flood(x, "calgary", 10*time.Minute, 0), flood(x, "ottawa", 10*time.Minute, 0)}, ""},
		{
			"two sources at both: the first is named",
			[]health.Verdict{calgary, ottawa},
			[]health.Flood{flood(x, "calgary", 10*time.Minute, 0), flood(x, "ottawa", 40*time.Minute, 0), flood(y, "calgary", 9*time.Minute, 0), flood(y, "ottawa", 40*time.Minute, 0)},
			"options/udp 198.51.100.0/24 register/tcp 198.51.100.0/24",
		},
		{
			"the same check inside the window is told its source",
			[]health.Verdict{calgary, down("ottawa", fleet.UDP, health.Options, 10*time.Minute+time.Second)},
			[]health.Flood{flood(x, "calgary", 10*time.Minute, 0), flood(x, "ottawa", 10*time.Minute, 0)},
			"options/udp 203.0.113.7/32",
		},
		{"a clock that was ahead", []health.Verdict{down("calgary", fleet.UDP, health.Options, 30*time.Hour), ottawa}, []health.Flood{flood(x, "calgary", time.Hour, 0), flood(x, "ottawa", 40*time.Minute, 0)}, "options/udp 203.0.113.7/32 register/tcp 203.0.113.7/32"},
	} {
		now := at(time.Hour)
		found := health.SharedSources(health.CommonCause(c.verdicts, window, now), c.verdicts, c.floods, window, now)
		var got []string
		for _, f := range found {
			got = append(got, fmt.Sprintf("%s/%s %s", f.Kind, f.Transport, f.Source))
			if len(f.Sites) != 2 || !strings.Contains(f.Sentence, health.OneSource) {
				t.Errorf("%s: %+v", c.name, f)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
}
