package health

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Flood is a source that sends far more to the gate of a site than others do,
// while a check fails there, or at another site that it floods.
type Flood struct {
	Prefix netip.Prefix `json:"prefix"`
	Site   fleet.SiteID `json:"site"`
	Since  time.Time    `json:"since"`         // when it was named there
	Over   time.Time    `json:"over,omitzero"` // when it was named no more; zero while it is
}

// Compare orders floods by source and site.
func (f Flood) Compare(o Flood) int {
	return cmp.Or(f.Prefix.Addr().Compare(o.Prefix.Addr()), cmp.Compare(f.Prefix.Bits(), o.Prefix.Bits()), cmp.Compare(f.Site, o.Site))
}

// explains reports whether the check went down while the source was loud, give or
// take window: a source is named only after it has been loud for a while, which may
// be after the check has failed.
func (f Flood) explains(v Verdict, window time.Duration) bool {
	return v.Status == Down && v.Check.Site == f.Site && !f.Since.After(v.Since.Add(window)) &&
		(f.Over.IsZero() || !f.Over.Add(window).Before(v.Since))
}

// OneSource begins what is said of a source that several failing sites have in
// common; the source follows, and a comma.
const OneSource = "one source, "

// SharedSources adds to the common causes that were found the sources that flooded
// two sites or more as checks went down there. Where it is led, traffic meets the
// same source, so that is one fault whatever checks fail, over whatever
// transports, and whenever: a flood follows the phones that are moved. There is
// one Common for each kind and transport, since that is what moves; one that was
// found already is told the source. What was flooded first comes first.
func SharedSources(found []Common, verdicts []Verdict, floods []Flood, window time.Duration, now time.Time) []Common {
	for _, s := range sharedSources(verdicts, floods, window, now) {
		for _, v := range s.down {
			c := Common{
				Kind: v.Check.Kind, Transport: v.Check.Transport, Cause: v.Cause, Sites: s.sites, Since: s.down[0].Since,
				Source: s.prefix, Sentence: s.sentence(),
			}
			i := slices.IndexFunc(found, func(o Common) bool { return c.within(o) })
			switch {
			case i < 0:
				found = append(found, c)
			case !found[i].Source.IsValid():
				found[i].Source = s.prefix
				found[i].Sentence += "; " + c.Sentence
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Common) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Transport, b.Transport), a.Since.Compare(b.Since))
	})
	return found
}

// sharedSource is one source with the sites that it flooded, sorted, and the checks
// that went down meanwhile, the first one first.
type sharedSource struct {
	prefix netip.Prefix
	since  time.Time
	sites  []fleet.SiteID
	down   []Verdict
}

func sharedSources(verdicts []Verdict, floods []Flood, window time.Duration, now time.Time) []sharedSource {
	floods = slices.SortedFunc(slices.Values(floods), Flood.Compare)
	var out []sharedSource
	for len(floods) > 0 {
		n := 1
		for n < len(floods) && floods[n].Prefix == floods[0].Prefix {
			n++
		}
		s := sharedSource{prefix: floods[0].Prefix, since: floods[0].Since}
		for _, f := range floods[:n] {
			s.since = earlier(s.since, f.Since)
			for _, v := range verdicts {
				v.Since = earlier(v.Since, now)
				if f.explains(v, window) {
					s.down = append(s.down, v)
					s.sites = append(s.sites, f.Site)
				}
			}
		}
		slices.Sort(s.sites)
		if s.sites = slices.Compact(s.sites); len(s.sites) > 1 {
			slices.SortStableFunc(s.down, func(a, b Verdict) int { return cmp.Or(a.Since.Compare(b.Since), a.Check.Compare(b.Check)) })
			out = append(out, s)
		}
		floods = floods[n:]
	}
	slices.SortStableFunc(out, func(a, b sharedSource) int { return a.since.Compare(b.since) })
	return out
}

// sentence names the source and what failed.
func (s sharedSource) sentence() string {
	const most = 3
	var what []string
	for _, v := range s.down {
		if w := fmt.Sprintf("%s over %s at %s", v.Check.Kind, v.Check.Transport, v.Check.Site); !slices.Contains(what, w) {
			what = append(what, w)
		}
	}
	more := ""
	if n := len(what) - most; n > 0 {
		what, more = what[:most], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("%s%s, floods the gates of %s: %s%s failed", OneSource, plainPrefix(s.prefix), list(s.sites), strings.Join(what, ", "), more)
}
