package runbook

import (
	"fmt"
	"time"
)

// MaxDrill bounds a drill.
const MaxDrill = 12 * time.Hour

// DrillText is the runbook of a drill: real traffic leaves the site for so long
// and comes back by itself. It stops and restores when another site does not
// bear the traffic, an incident opens, or one of the conditions of stopIf is true.
func DrillText(lasts time.Duration, service string, stopIf ...string) []byte {
	only := ""
	if service != "" {
		only = "\n    service: ${service}"
	}
	values, hold := "", lasts+2*time.Hour
	if service != "" {
		values = "\n  - {name: service, kind: service}"
	}
	more := ""
	for _, c := range stopIf {
		more += fmt.Sprintf("\n  - %q", c)
	}
	return fmt.Appendf(nil, `format: 1
name: drill
summary: Practise the loss of ${site} with real traffic, and bring it back.
values:
  - {name: site, kind: site}%[1]s
require:
  - not held()
  - incidents() == 0
  - all_well()
  - behind() == 0
abort_if:
  - not others_well("${site}")
  - incidents() > 0%[5]s
steps:
  - {id: tell, do: notify, text: "Drill: ${site} is led out of the answers for %[2]s."}
  - id: leave
    do: drain
    site: ${site}%[3]s
    for: %[4]s
    until: stage("${site}") in ["register", "refuse", "done"]
    limit: 1h
    on_limit: undo
    undo: {do: undrain}
  - id: moved # its end is the measured recovery
    do: wait
    after: [leave]
    until: left("${site}") == 0
    limit: %[6]s
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
    stays: %[2]s
    limit: %[4]s
    on_limit: undo
  - id: who
    do: stragglers
    after: [moved, bears]
    site: ${site}
    on_limit: skip
  - id: return
    do: undrain
    site: ${site}%[3]s
    until: share("${site}") == 100
    limit: 2h
  - id: settled
    do: verify
    until: well("${site}")
  - {id: done, do: notify, text: "Drill: ${site} takes its traffic again."}
finally:
  - all_well()
`, values, lasts, only, hold, more, max(lasts, time.Minute))
}
