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

// Common is one fault that is at several sites: the reason to move no traffic
// by itself, since where it would go it meets the same fault (rule
// common-cause).
type Common struct {
	Kind      Kind
	Transport fleet.Transport
	Cause     Cause // CauseNone when the sites give different causes
	Sites     []fleet.SiteID
	Since     time.Time // when the first of them went down
	// Certificate is the one that all of them showed; empty when there is none.
	Certificate string
	// Source is the one that floods all of them; invalid when there is none. Set
	// by SharedSources.
	Source   netip.Prefix
	Sentence string // for people
}

// CommonCause finds the checks of one kind and transport that went down at two
// or more sites within window of each other. Faults that follow each other are
// one: a third site that goes down within window of the second belongs to it,
// even if the first is longer ago, because poison that follows load looks like
// that. A Since in the future, left by a leader whose clock was ahead, counts
// as now. The order is by kind, transport and time.
//
// Checks that fail because of one and the same certificate have a common cause
// whenever they went down, and over whatever transport.
func CommonCause(verdicts []Verdict, window time.Duration, now time.Time) []Common {
	var down []Verdict
	for _, v := range verdicts {
		if v.Status != Down {
			continue
		}
		if v.Since.After(now) {
			v.Since = now
		}
		down = append(down, v)
	}
	slices.SortStableFunc(down, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(a.Check.Kind, b.Check.Kind),
			cmp.Compare(a.Check.Transport, b.Check.Transport),
			a.Since.Compare(b.Since), a.Check.Compare(b.Check))
	})
	var found []Common
	for len(down) > 0 {
		n := 1
		for n < len(down) && follows(down[n-1], down[n], window) {
			n++
		}
		if c, ok := common(down[:n]); ok {
			found = append(found, c)
		}
		down = down[n:]
	}
	return sharedCertificates(found, verdicts, now)
}

func follows(a, b Verdict, window time.Duration) bool {
	return a.Check.Kind == b.Check.Kind && a.Check.Transport == b.Check.Transport && b.Since.Sub(a.Since) <= window
}

// common describes one run of verdicts of the same kind and transport, ordered
// by Since, if it touches more than one site.
func common(run []Verdict) (Common, bool) {
	first := run[0]
	c := Common{Kind: first.Check.Kind, Transport: first.Check.Transport, Cause: first.Cause, Since: first.Since, Certificate: first.Certificate}
	for _, v := range run {
		c.Sites = append(c.Sites, v.Check.Site)
		if v.Cause != c.Cause {
			c.Cause = CauseNone
		}
		if v.Certificate != c.Certificate {
			c.Certificate = ""
		}
	}
	slices.Sort(c.Sites)
	c.Sites = slices.Compact(c.Sites)
	if len(c.Sites) < 2 {
		return Common{}, false
	}
	cause := "with different causes"
	if c.Cause != CauseNone {
		cause = string(c.Cause)
	}
	c.Sentence = fmt.Sprintf("%s over %s failed at %s within %s: %s", c.Kind, c.Transport, list(c.Sites),
		run[len(run)-1].Since.Sub(first.Since).Round(100*time.Millisecond), cause)
	if c.Certificate != "" {
		c.Sentence += ", all with the certificate " + short(c.Certificate)
	}
	return c, true
}

// list writes "a and b" or "a, b and c".
func list(sites []fleet.SiteID) string {
	words := make([]string, len(sites))
	for i, s := range sites {
		words[i] = string(s)
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
