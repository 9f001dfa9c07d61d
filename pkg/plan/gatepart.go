package plan

import (
	"fmt"
	"io"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// partDiff says for whom a gate changes that is open to others before and after.
func partDiff(site fleet.SiteID, before, after steer.GateRule) []GateChange {
	if before.Mode != steer.GateOpen || after.Mode != steer.GateOpen {
		return nil
	}
	var out []GateChange
	for _, svc := range partServices(before, after) {
		changed := map[[2]string]fleet.Cohort{}
		for bucket := range fleet.OwnName + 1 {
			was, is := ruleText(before.For(svc, bucket)), ruleText(after.For(svc, bucket))
			if was != is {
				key := [2]string{was, is}
				changed[key] = changed[key].Or(fleet.CohortOf(bucket))
			}
		}
		for _, was := range ruleTexts {
			for _, is := range ruleTexts {
				if c := changed[[2]string{was, is}]; !c.IsZero() {
					out = append(out, GateChange{Site: site, Transport: after.Transport, Service: svc, Cohort: c.NoneIfEveryone(), Before: was, After: is})
				}
			}
		}
	}
	return out
}

// ruleTexts are what ruleText says of a part.
var ruleTexts = []string{steer.GateOpen.String(), refusesRegister, refusesAll}

func partServices(rules ...steer.GateRule) []fleet.ServiceID {
	var out []fleet.ServiceID
	for _, r := range rules {
		for _, p := range r.Parts {
			if !slices.Contains(out, p.Service) {
				out = append(out, p.Service)
			}
		}
	}
	slices.Sort(out)
	return out
}

// writeGates writes what gates do otherwise, and to whom.
func writeGates(w io.Writer, title string, gates []GateChange) {
	if len(gates) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s:\n", title)
	parts := false
	for _, g := range gates {
		who := ""
		if g.Service != "" {
			parts, who = true, "   for "+string(g.Service)
			if !g.Cohort.IsZero() {
				who += ", " + g.Cohort.Words()
			}
		}
		fmt.Fprintf(w, "  %-12s %-4s %s -> %s%s\n", g.Site, g.Transport, g.Before, g.After, who)
	}
	if parts {
		fmt.Fprintln(w, "  (an edge or a program in place of the gate stays open for a part)")
	}
}
