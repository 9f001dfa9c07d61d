package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// writeMatrix prints a row for each site and a column for each kind of check, where
// one of them is not up, or always.
func writeMatrix(w io.Writer, p palette, st api.Status, always bool) {
	kinds, well := checkKinds(st)
	if len(kinds) == 0 || well && !always {
		return
	}
	head := []string{"CHECKS"}
	for _, k := range kinds {
		head = append(head, strings.ToUpper(k))
	}
	rows := [][]string{head}
	for _, s := range st.Sites {
		row := []string{s.Name}
		for _, k := range kinds {
			row = append(row, checkCell(p, s.Checks, k))
		}
		rows = append(rows, row)
	}
	table(w, p, rows)
	fmt.Fprintln(w)
}

// checkKinds are the kinds that any site has, in order, and whether all are up.
func checkKinds(st api.Status) (kinds []string, well bool) {
	well = true
	for _, s := range st.Sites {
		for _, row := range s.Checks {
			for kind, status := range row {
				well = well && status == "up"
				if !slices.Contains(kinds, kind) {
					kinds = append(kinds, kind)
				}
			}
		}
	}
	slices.Sort(kinds)
	return kinds, well
}

// checkCell is what is believed of one kind of check at a site: one word where all
// transports agree, else the transports that are not up, the worst first.
func checkCell(p palette, checks api.CheckMatrix, kind string) string {
	by, asked := map[string][]string{}, 0
	for _, t := range slices.Sorted(maps.Keys(checks)) {
		if status := checks[t][kind]; status != "" {
			by[status] = append(by[status], t)
			asked++
		}
	}
	if asked == 0 {
		return "-"
	}
	var parts []string
	for _, status := range ranks {
		switch n := len(by[status]); {
		case n == asked:
			return p.word(status)
		case n > 0 && status != "up":
			parts = append(parts, p.word(status)+" "+strings.Join(by[status], " "))
		}
	}
	return strings.Join(parts, ", ")
}
