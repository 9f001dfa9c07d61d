package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/incident"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestIncident is an outage at the command line, from the break to the report.
func TestIncident(t *testing.T) {
	l := newLab(t)
	list := func() []steer.Incident {
		var out []steer.Incident
		if err := json.Unmarshal([]byte(l.must(0, "incident", "list", "--json").out), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if r := l.must(0, "incident", "list"); !strings.Contains(r.out, "no incidents") {
		t.Errorf("a well fleet: %s", r.out)
	}
	l.must(0, "lab", "break", "calgary", "tls-hang")
	eventually(t, "an incident, and the traffic moved", patience, func() bool {
		in := list()
		return len(in) == 1 && !in[0].MovedAt.IsZero()
	})
	id := list()[0].ID
	eventually(t, "the report says that the gate closed by itself", patience, func() bool {
		return strings.Contains(l.must(0, "report", id).out, "the gate of calgary closed by itself over TLS: its softswitch is dead there")
	})
	for _, args := range [][]string{{"history"}, {"why", "west"}} {
		if r := l.must(0, args...); !strings.Contains(r.out, "the gate of calgary has closed by itself over tls") {
			t.Errorf("sipsteer %s does not say it:\n%s", strings.Join(args, " "), r.out)
		}
	}
	l.must(0, "incident", "note", id, "<b>vendor</b> called")
	if st := l.status(); len(st.Incidents) != 1 || st.Incidents[0].State != "investigating" || st.Incidents[0].Severity == "" {
		t.Errorf("status: %+v", st.Incidents)
	}
	l.must(0, "incident", "identify", id, "--cause", "ticket store full")
	for _, bad := range []struct {
		code int
		says string
		args []string
	}{
		{3, "still-down", []string{"incident", "resolve", id}},
		{2, "no incident is called", []string{"incident", "note", "inc-0", "x"}},
		{2, "the note is empty", []string{"incident", "note", id, " "}},
		{2, "a summary is required", []string{"incident", "declare", "--site", "ottawa"}},
		{2, "is open for calgary", []string{"incident", "declare", "--site", "calgary", "--summary", "x"}},
		{2, "how long ago", []string{"incident", "declare", "--summary", "x", "--started", "soon"}},
		{2, "unknown command", []string{"incident", "forget"}},
		{2, "no incident is called", []string{"report", "inc-0"}},
		{2, "no time zone", []string{"report", id, "--timezone", "Mars/Olympus"}},
		{2, "--format", []string{"report", id, "--format", "pdf"}},
		{2, "--lang", []string{"report", id, "--lang", "de"}},
	} {
		if r := l.must(bad.code, bad.args...); !strings.Contains(r.err, bad.says) {
			t.Errorf("sipsteer %s says\n%s\nand not %q", strings.Join(bad.args, " "), r.err, bad.says)
		}
	}
	file := filepath.Join(t.TempDir(), "rapport.html")
	l.must(0, "report", id, "--format", "html", "--lang", "fr", "--timezone", "America/Toronto", "--out", file)
	page, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(page), "Chronologie") || strings.Contains(string(page), "<b>vendor") {
		t.Errorf("report in French: %v\n%s", err, page)
	}
	l.must(0, "lab", "heal", "calgary")
	eventually(t, "all up: the incident can be resolved", patience, func() bool { return l.run("incident", "resolve", id).code == 0 })
	var r incident.Report
	if err := json.Unmarshal([]byte(l.must(0, "report", id, "--format", "json").out), &r); err != nil {
		t.Fatal(err)
	}
	if r.State != steer.Resolved || r.Cause != "ticket store full" || r.MovedBy != steer.AutomationOwner || len(r.Impact.Gates) == 0 {
		t.Errorf("report: %s %q moved by %q, gates %v", r.State, r.Cause, r.MovedBy, r.Impact.Gates)
	}
	if show := l.must(0, "incident", "show", id); !strings.Contains(show.out, "ticket store full") || !strings.Contains(show.out, "sipsteer report "+id) {
		t.Errorf("show:\n%s", show.out)
	}
}
