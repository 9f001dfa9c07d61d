package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEvidenceOutlivesTheAgents: what went over the wire when an incident began
// stands in its report after all agents were killed, and all is well again.
func TestEvidenceOutlivesTheAgents(t *testing.T) {
	l := newLab(t)
	l.loginsUp()
	l.must(0, "lab", "break", "calgary", "auth-reset")
	eventually(t, "an incident, and what was seen in it on disk", patience, func() bool {
		files, _ := filepath.Glob(filepath.Join(l.dir, "data", "*", "evidence.json"))
		for _, f := range files {
			if text, err := os.ReadFile(f); err != nil || !strings.Contains(string(text), "auth-rejected") {
				return false
			}
		}
		return len(files) == 3 && len(l.status().Incidents) == 1
	})
	id := l.status().Incidents[0].ID
	l.kill()
	l.up()
	l.loginsUp()
	report := l.must(0, "report", id, "--evidence").out
	for _, want := range []string{"calgary/calgary-1/udp/register", "a right password is refused: 403 Forbidden", "received SIP/2.0 403 Forbidden"} {
		if !strings.Contains(report, want) {
			t.Errorf("no %q in\n%s", want, report)
		}
	}
	l.noPassword()
}
