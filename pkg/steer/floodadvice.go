package steer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// floodWords end what is said of a source at a common cause.
const floodWords = " sends far more to its gate than others do"

// named adds to what is said of a common cause which source floods the gate of that
// site now: a flood follows the phones from site to site, and keeping it out may
// cure what moving does not. How much it sends is left out, since that changes with
// every look.
func named(held []Advice, loud []LoudSource) []Advice {
	for i := range held {
		a := &held[i]
		if a.Rule != RuleCommonCause || strings.Contains(a.Text, health.OneSource) {
			continue // named already, as what the sites have in common
		}
		n := slices.IndexFunc(loud, func(l LoudSource) bool { return l.Site == a.Site })
		if n < 0 {
			continue
		}
		a.Text += fmt.Sprintf("; %s%s", loud[n].Prefix, floodWords)
		a.Next = fmt.Sprintf("sipsteer gate quarantine add %s --site %s --for 30m --reason …   # keeps that source out; %s", loud[n].Prefix, a.Site, a.Next)
	}
	return held
}

// keepOut is what to type where one source floods all sites of a brake: to keep it
// out everywhere, since it follows the phones.
func (v *view) keepOut(b *Brake) string {
	source := b.Source.String()
	if b.Source.IsSingleIP() {
		source = b.Source.Addr().String()
	}
	kept := func(site fleet.SiteID) bool {
		return slices.ContainsFunc(v.Quarantines, func(q Quarantine) bool {
			return q.At(site) && q.Prefix.Overlaps(b.Source) && q.Prefix.Bits() <= b.Source.Bits()
		})
	}
	if !slices.ContainsFunc(b.Sites, func(site fleet.SiteID) bool { return !kept(site) }) {
		return fmt.Sprintf("sipsteer gate quarantine list   # %s is kept out at these sites: they should recover", source)
	}
	next := fmt.Sprintf("sipsteer gate quarantine add %s --for 30m --reason …   # keeps that source out at all sites", source)
	if v.Fleet.Policy.Isolate.WithDefaults().Automation != fleet.AutomationAct {
		next += " (policy.isolate with automation: act does so by itself)"
	}
	return next
}

// floods is the source that the advice names; "" when it names none.
func (a *Advice) floods() string {
	if _, rest, found := strings.Cut(a.Text, health.OneSource); found {
		source, _, _ := strings.Cut(rest, ",")
		return health.OneSource + source
	}
	text, found := strings.CutSuffix(a.Text, floodWords)
	if !found {
		return ""
	}
	return text[strings.LastIndex(text, " ")+1:]
}
