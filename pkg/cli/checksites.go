package cli

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// ranks orders what is believed of checks, the worst first.
var ranks = []string{"down", "unknown", "up"}

// writeCheckSites prints a row for each site and a column for each kind of
// check: the worst verdict, or of checks that are only shown the worst opinion.
func (a *app) writeCheckSites(agents []api.AgentChecks) {
	p := palette{a.colours()}
	kinds, worst := siteMatrix(agents)
	head := []string{"SITE"}
	for _, k := range kinds {
		head = append(head, strings.ToUpper(k))
	}
	rows := [][]string{head}
	for _, site := range slices.Sorted(maps.Keys(worst)) {
		row := []string{cmp.Or(site, "(name servers)")}
		for _, k := range kinds {
			row = append(row, cmp.Or(p.word(worst[site][k]), "-"))
		}
		rows = append(rows, row)
	}
	table(a.streams.Out, p, rows)
}

// siteMatrix returns the kinds, in order, and what is believed by site and kind.
func siteMatrix(agents []api.AgentChecks) (kinds []string, worst map[string]map[string]string) {
	worst = map[string]map[string]string{}
	for _, ag := range agents {
		for _, c := range ag.Checks {
			site, kind, says := string(c.Check.Site), string(c.Check.Kind), cmp.Or(c.Verdict, c.Status)
			if worst[site] == nil {
				worst[site] = map[string]string{}
			}
			if old := worst[site][kind]; old == "" || slices.Index(ranks, says) < slices.Index(ranks, old) {
				worst[site][kind] = says
			}
			if !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	slices.Sort(kinds)
	return kinds, worst
}
