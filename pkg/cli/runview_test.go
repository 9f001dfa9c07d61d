package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestRunView draws a run with every state of a step, without colours.
func TestRunView(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)
	now := at.Add(90 * time.Second)
	r := &steer.Run{
		ID: "run-7", State: steer.RunRunning, Owner: "alice", Reason: "kernel\x1b[31m", StartedAt: at,
		Procedure: steer.Procedure{Book: "evacuate", Steps: []steer.Step{
			{ID: "tell", Do: steer.ActNotify},
			{ID: "drain", Do: steer.ActDrain, Site: "calgary", Until: `stage("calgary") == "done"`, Limit: fleet.Duration(time.Hour)},
			{ID: "agree", Do: steer.ActApprove, Text: "go?", People: 2, Limit: fleet.Duration(10 * time.Minute)},
			{ID: "last", Do: steer.ActNotify},
		}},
		Progress: []steer.StepProgress{
			{State: steer.StepDone, StartedAt: at, EndedAt: at.Add(time.Second)},
			{State: steer.StepRunning, StartedAt: at.Add(30 * time.Second)},
			{State: steer.StepRunning, StartedAt: at},
			{State: steer.StepPending},
		},
	}
	v := runView{run: r, forecasts: []runbook.Forecast{
		{Step: "drain", Begun: at.Add(30 * time.Second), Due: at.Add(150 * time.Second), Limit: at.Add(time.Hour), Waits: `stage("calgary") == "done"`, Why: "out of the answers in 12s"},
		{Step: "agree", Begun: at, Limit: at.Add(10 * time.Minute), Waits: "go?", Why: "1 of 2 approvals: bob"},
	}}
	var b strings.Builder
	writeRun(&b, v, palette{}, now)
	want := `run-7 evacuate: running, by alice (kernel�[31m)
  █████░░░░░░░░░░░░░░░ 1 of 4 steps

STEP   DOES           STATE      TOOK
tell   notify         ✓ done     1s
drain  drain calgary  ▸ running  1m0s   ██████████░░░░░░░░░░  50 %, about 1m0s left, at most 59m0s
agree  approve        ▸ running  1m30s  at most 8m30s more
last   notify           pending
drain waits for: stage("calgary") == "done" — out of the answers in 12s
agree waits for: go? — 1 of 2 approvals: bob
next: sipsteer runbook approve run-7 agree
`
	if b.String() != want {
		t.Errorf("drawn:\n%s\nwant:\n%s", b.String(), want)
	}
}
