package runbook

import (
	"fmt"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// MaxDrill bounds a drill.
const MaxDrill = 12 * time.Hour

// Drill is a drill before it is bound to a site: real traffic leaves the site
// for so long and comes back by itself.
type Drill struct {
	Lasts time.Duration
	// Service and Cohort narrow who leaves; empty means all. They are checked when
	// the drill is bound.
	Service fleet.ServiceID
	Cohort  string
	// StopIf are conditions that end it, beside those that it always has: another
	// site does not bear the traffic, or an incident opens.
	StopIf []string
}

// Values are what the drill of a site is bound with.
func (d Drill) Values(site fleet.SiteID) map[string]string {
	v := map[string]string{"site": string(site)}
	if d.Service != "" {
		v["service"] = string(d.Service)
	}
	if d.Cohort != "" {
		v["cohort"] = d.Cohort
	}
	return v
}

// Text returns the runbook that the drill is.
func (d Drill) Text() []byte {
	var values, steps, require, stopIf strings.Builder
	about, who := `"${site}"`, "${site} is led out of the answers"
	if d.Service != "" || d.Cohort != "" {
		about += fmt.Sprintf(", %q", blankIf(d.Service != "", "service"))
	}
	if d.Service != "" {
		values.WriteString("\n  - {name: service, kind: service}")
		steps.WriteString("\n    service: ${service}")
	}
	if d.Cohort != "" {
		about += `, "${cohort}"`
		who += " for the tenants ${cohort}"
		values.WriteString("\n  - {name: cohort, kind: cohort}")
		steps.WriteString("\n    cohort: ${cohort}")
		fmt.Fprintf(&require, "\n  - tenants(%q, %q) > 0", blankIf(d.Service != "", "service"), "${cohort}")
	}
	for _, c := range d.StopIf {
		fmt.Fprintf(&stopIf, "\n  - %q", c)
	}
	return []byte(strings.NewReplacer(
		"@values", values.String(), "@require", require.String(), "@stop_if", stopIf.String(), "@narrow", steps.String(),
		"@about", about, "@who", who, "@lasts", d.Lasts.String(), "@hold", (d.Lasts + 2*time.Hour).String(), "@wait", max(d.Lasts, time.Minute).String(),
	).Replace(drillText))
}

// blankIf is the place of a value that is given, or nothing.
func blankIf(given bool, value string) string {
	if !given {
		return ""
	}
	return "${" + value + "}"
}

const drillText = `format: 1
name: drill
summary: Practise the loss of ${site} with real traffic, and bring it back.
values:
  - {name: site, kind: site}@values
require:
  - not held()
  - incidents() == 0
  - all_well()
  - behind() == 0
  - stage("${site}") == "none"
  - share(@about) == 100@require
abort_if:
  - not others_well("${site}")
  - incidents() > 0@stop_if
steps:
  - {id: tell, do: notify, text: "Drill: @who for @lasts."}
  - id: leave
    do: drain
    site: ${site}@narrow
    for: @hold
    until: stage("${site}") in ["register", "refuse", "done"]
    limit: 1h
    on_limit: undo
    undo: {do: undrain}
  - id: moved # its end is the measured recovery
    do: wait
    after: [leave]
    until: left(@about) == 0
    limit: @wait
    on_limit: skip
  - id: empty
    do: wait
    after: [leave]
    until: stage("${site}") == "done"
    limit: 2h
    on_limit: undo
  - id: bears
    do: wait
    until: others_well("${site}")
    stays: @lasts
    limit: @hold
    on_limit: undo
  - id: who
    do: stragglers
    after: [moved, bears]
    site: ${site}@narrow
    on_limit: skip
  - id: return
    do: undrain
    site: ${site}@narrow
    until: share(@about) == 100
    limit: 2h
  - id: settled
    do: verify
    until: well("${site}")
  - {id: done, do: notify, text: "Drill: ${site} takes its traffic again."}
finally:
  - all_well()
`
