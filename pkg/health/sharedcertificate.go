package health

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// sharedCertificates adds what CommonCause does not see in time: one certificate
// that checks fail with at several sites, one after the other or over different
// transports. There is one Common for each transport, since that is what moves.
func sharedCertificates(found []Common, verdicts []Verdict, now time.Time) []Common {
	byCertificate := map[string][]Verdict{}
	for _, v := range verdicts {
		if v.Status == Down && v.Certificate != "" {
			v.Since = earlier(v.Since, now)
			byCertificate[v.Certificate] = append(byCertificate[v.Certificate], v)
		}
	}
	names := make([]string, 0, len(byCertificate))
	for name := range byCertificate { // any order: sorted below
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, c := range withCertificate(name, byCertificate[name]) {
			if !slices.ContainsFunc(found, c.within) {
				found = append(found, c)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Common) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Transport, b.Transport), a.Since.Compare(b.Since))
	})
	return found
}

func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}

// withCertificate describes the checks that fail with one certificate, if they are of
// more than one site: one Common for each kind and transport.
func withCertificate(certificate string, down []Verdict) []Common {
	slices.SortStableFunc(down, func(a, b Verdict) int { return cmp.Or(a.Since.Compare(b.Since), a.Check.Compare(b.Check)) })
	var sites []fleet.SiteID
	cause := down[0].Cause
	for _, v := range down {
		sites = append(sites, v.Check.Site)
		if v.Cause != cause {
			cause = CauseNone
		}
	}
	slices.Sort(sites)
	if sites = slices.Compact(sites); len(sites) < 2 {
		return nil
	}
	why := string(cause)
	if cause == CauseNone {
		why = "with different causes"
	}
	var out []Common
	for _, v := range down {
		c := Common{
			Kind: v.Check.Kind, Transport: v.Check.Transport, Cause: cause, Sites: sites, Since: down[0].Since, Certificate: certificate,
			Sentence: fmt.Sprintf("one certificate, %s, fails at %s: %s", short(certificate), list(sites), why),
		}
		if !slices.ContainsFunc(out, c.same) {
			out = append(out, c)
		}
	}
	return out
}

func (c Common) same(o Common) bool { return c.Kind == o.Kind && c.Transport == o.Transport }

// within reports whether o says all that c does.
func (c Common) within(o Common) bool {
	for _, s := range c.Sites {
		if !slices.Contains(o.Sites, s) {
			return false
		}
	}
	return c.same(o)
}

// short is the begin of a fingerprint, which is enough to find it.
func short(certificate string) string { return certificate[:min(len(certificate), 16)] }
