package runbook_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func TestBindRefusesBadValues(t *testing.T) {
	f := fleettest.ThreeSites()
	b := runbook.Book{Format: 1, Name: "x", Summary: "s", Values: []runbook.Value{{Name: "site", Kind: "site"}, {Name: "for", Kind: "duration", Default: "1h"}, {Name: "tr", Kind: "transport", Default: "tls"}, {Name: "note", Kind: "text", Default: "n"}}, Steps: []steer.Step{{ID: "a", Do: steer.ActDrain, Site: "${site}", For: "${for}", Until: `answers("${site}")`}}}
	for name, values := range map[string]map[string]string{
		"missing":           {},
		"an unknown site":   {"site": "atlantis"},
		"a value too many":  {"site": "calgary", "town": "x"},
		"a long drain":      {"site": "calgary", "for": "1000h"},
		"no duration":       {"site": "calgary", "for": "soon"},
		"no transport":      {"site": "calgary", "tr": "pigeon"},
		"a quote":           {"site": "calgary", "note": `x") or true or up("`},
		"a control":         {"site": "calgary", "note": "\x1b[31m"},
		"a blank in a text": {"site": "calgary", "note": "${site}"},
	} {
		_, err := runbook.Bind(&b, values, &f)
		var invalid *steer.Invalid
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
	p, err := runbook.Bind(&b, map[string]string{"site": "ottawa"}, &f)
	if err != nil || p.Steps[0].Site != "ottawa" || p.Steps[0].Until != `answers("ottawa")` || p.Steps[0].For != "1h" || len(p.Sites) != 1 {
		t.Fatalf("%+v %v", p, err)
	}
}

func TestConditions(t *testing.T) {
	d := newDesk(t)
	d.health("ottawa", health.Down)
	d.must(steer.Command{Kind: steer.KindDrain, Site: "vancouver", By: "bob", Reason: "r", For: fleet.Duration(time.Hour), Now: true})
	facts := &runbook.Facts{State: d.state, Left: map[fleet.SiteID]int{"vancouver": 3}, Stragglers: map[fleet.SiteID]int{"vancouver": 0}, Behind: 1}
	for text, want := range map[string]bool{
		"":                                   true,
		`up("calgary", "tls")`:               true,
		`well("ottawa")`:                     false,
		`not well("ottawa") and behind()==1`: true,
		`answers("vancouver")`:               false,
		`share("calgary") == 100`:            true,
		`stage("vancouver") == "refuse"`:     true,
		`stage("calgary") == "none"`:         true,
		`gate("vancouver") == "draining"`:    true,
		`sites_up("west") >= 1`:              true,
		`left("vancouver") == 3`:             true,
		`stragglers("vancouver") == 0`:       true,
		`held()`:                             false,
		`incidents() == 1`:                   true,
	} {
		if got, err := runbook.True(text, facts); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		`well("atlantis")`:          "no site is called",
		`up("calgary", "pigeon")`:   "pigeon",
		`left("calgary") == 0`:      "cannot be asked", // not to know is no zero
		`sites_up("north") == 1`:    "no service",
		`share("calgary")`:          "expected bool",
		`"a" matches "(a+)+$" or 1`: "",
	} {
		_, err := runbook.True(text, facts)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

func TestPlanTellsWhatWouldBeRefused(t *testing.T) {
	d := newDesk(t)
	b := book(
		steer.Step{ID: "one", Do: steer.ActDrain, Site: "calgary", Limit: fleet.Duration(time.Minute)},
		steer.Step{ID: "two", Do: steer.ActDrain, Site: "ottawa", Limit: fleet.Duration(time.Minute)},
		steer.Step{ID: "side", Do: steer.ActNotify, Text: "t", After: []string{"start"}, Limit: fleet.Duration(time.Second)},
	)
	b.Require = []string{`well("${site}")`, "held()"}
	p, err := runbook.Bind(&b, nil, d.state.Fleet)
	if err != nil {
		t.Fatal(err)
	}
	facts := &runbook.Facts{State: d.state}
	plan := runbook.Make(p, facts, d.now)
	if len(plan.Refusals) != 1 || plan.Refusals[0].Step != "two" || plan.Refusals[0].Refusal == nil || plan.Refusals[0].Refusal.Rule != steer.RuleOneAtATime {
		t.Errorf("refusals: %+v", plan.Refusals)
	}
	if plan.AtMost.D() != 2*time.Minute {
		t.Errorf("at most %s", plan.AtMost)
	}
	if !plan.Require[0].True || plan.Require[1].True {
		t.Errorf("conditions: %+v", plan.Require)
	}
	if r := runbook.Refused(p, facts); r == nil || r.Rule != steer.RuleRequire || !strings.Contains(r.Text, "held()") {
		t.Errorf("refused: %+v", r)
	}
}

func TestUsualTime(t *testing.T) {
	var s steer.State
	for i := range 8 {
		at := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
		s.Runs = append(s.Runs, steer.Run{
			Procedure: steer.Procedure{Book: "b", Steps: []steer.Step{{ID: "a"}}},
			Progress:  []steer.StepProgress{{State: steer.StepDone, StartedAt: at, EndedAt: at.Add(time.Duration(i+1) * time.Minute)}},
		})
		if d, ok := runbook.Usual(&s, "b", "a"); ok != (i >= 3) || i == 7 && d != 6*time.Minute {
			t.Errorf("after %d runs: %s %v", i+1, d, ok)
		}
	}
}
