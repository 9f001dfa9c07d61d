package incident_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/incident"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew; commit the difference only if you can explain it")

// TestReportsOfTheFiveOutages compares the reports, in both languages and in
// every form, with the files in testdata.
func TestReportsOfTheFiveOutages(t *testing.T) {
	for _, o := range outages() {
		t.Run(o.name, func(t *testing.T) {
			r := o.play(t)
			if len(r.state.Incidents) != 1 {
				t.Fatalf("%d incidents, want 1", len(r.state.Incidents))
			}
			report := incident.Build(r.state.Incidents[0], incident.Input{Now: r.now.Add(time.Hour), Zone: r.state.Fleet.Zone})
			zone, err := time.LoadLocation(o.zone)
			if err != nil {
				t.Skipf("this machine has no time zones: %v", err)
			}
			for _, lang := range incident.Langs() {
				opts := incident.Options{Lang: lang, Zone: zone}
				md, err := report.Markdown(opts)
				if err != nil {
					t.Fatal(err)
				}
				golden(t, o.name+"."+string(lang)+".md", md)
				html, err := report.HTML(opts)
				if err != nil {
					t.Fatal(err)
				}
				golden(t, o.name+"."+string(lang)+".html", html)
			}
			b, err := json.MarshalIndent(report, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if o.name == "calgary-tls" { // the form is the same; the events' own texts are the core's
				golden(t, o.name+".json", string(b)+"\n")
			}
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (make it with -rewrite)", err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			t.Fatalf("%s line %d:\n got %s\nwant %s", name, i+1, g[i], strings.Join(w[min(i, len(w)):min(i+1, len(w))], ""))
		}
	}
	t.Fatalf("%s: %d lines, want %d", name, len(g), len(w))
}
