package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestDrillWithRealAgents practises the loss of a site in a lab: the verdict, the
// measured times and the stop conditions, each seen from outside.
func TestDrillWithRealAgents(t *testing.T) {
	l := startLab(t, "5s")
	file := filepath.Join(t.TempDir(), "drill.yaml")
	if err := os.WriteFile(file, runbook.Drill{Lasts: 3 * time.Second, StopIf: []string{`stragglers("vancouver") > 50`}}.Text(), 0o600); err != nil {
		t.Fatal(err)
	}
	drill := func(code int) result {
		t.Helper()
		return l.must(code, "runbook", "run", file, "--set", "site=vancouver", "--reason", "practice", "--yes", "--wait")
	}
	eventually(t, "all is well", patience, func() bool {
		r := l.run("runbook", "plan", file, "--set", "site=vancouver")
		return r.code == 0 && !strings.Contains(r.out, "must be true: all_well() — now no")
	})
	out := drill(0)
	if !strings.Contains(out.out, "waits for: ") || !strings.Contains(out.out, " left, at most ") {
		t.Errorf("watch says not what is awaited, and until when:\n%s", out.out)
	}
	p := l.practice("vancouver")
	if p.Verdict != steer.DrillSucceeded || p.Leave <= 0 || p.Return <= 0 || p.Recovery <= 0 || p.Stragglers != "no stragglers" {
		t.Errorf("%+v", p)
	}

	l.looksReady()
	// With a sick site elsewhere it is not begun.
	l.must(0, "lab", "break", "ottawa", "down")
	eventually(t, "ottawa is down", patience, func() bool {
		st := l.status()
		i := slices.IndexFunc(st.Sites, func(s api.SiteStatus) bool { return s.Name == "ottawa" })
		return i >= 0 && st.Sites[i].Transports["udp"] == "down"
	})
	if r := drill(3); !strings.Contains(r.err, "require") {
		t.Errorf("a drill with a sick site: %s", r.err)
	}
}

func (l *testLab) practice(site string) steer.Practice {
	l.t.Helper()
	var r api.Readiness
	res := l.run("readiness", "--json")
	if err := json.Unmarshal([]byte(res.out), &r); err != nil {
		l.t.Fatalf("%v: %s", err, res.err)
	}
	for _, p := range r.Practice {
		if string(p.Site) == site {
			return p
		}
	}
	l.t.Fatalf("no drill of %s is on record: %+v", site, r.Practice)
	return steer.Practice{}
}

// looksReady asks for readiness: name servers are reached at their addresses, and
// the softswitches compared.
func (l *testLab) looksReady() {
	l.t.Helper()
	var r api.Readiness
	if err := json.Unmarshal([]byte(l.run("readiness", "--json").out), &r); err != nil {
		l.t.Fatal(err)
	}
	for _, f := range r.Findings {
		if slices.Contains([]string{"dns", "parity", "certificate", "agent", "quorum", "check"}, f.Topic) && f.Grade != plan.Note {
			l.t.Errorf("in a lab where all is well: %+v", f)
		}
		if f.Next == "" {
			l.t.Errorf("a finding without a command to type: %+v", f)
		}
	}
}
