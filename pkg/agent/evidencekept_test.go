package agent

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestEvidenceIsKeptOverARestart: of each check what was seen first in an incident,
// as long as the State has it; a damaged file costs the evidence and not the agent.
func TestEvidenceIsKeptOverARestart(t *testing.T) {
	dir := t.TempDir()
	agent := func() *Agent {
		a := &Agent{cfg: Config{Dir: dir, Name: "calgary"}, log: zerolog.Nop()}
		if err := a.recallEvidence(); err != nil {
			t.Fatal(err)
		}
		return a
	}
	seen := func(k health.Kind, detail string) []steer.Evidence {
		check := health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: fleet.UDP}, Kind: k}
		return []steer.Evidence{{Check: check, Agent: "calgary", At: noon, Cause: health.CauseAuth, Detail: detail, Wire: []string{"received SIP/2.0 403 Forbidden"}}}
	}
	a := agent()
	if !a.kept.add("inc-1", seen(health.Register, "the first")) || !a.kept.add("inc-1", seen(health.Options, "another")) || !a.kept.add("inc-2", seen(health.Register, "of another incident")) {
		t.Fatal("what is new is not taken")
	}
	if a.kept.add("inc-1", seen(health.Register, "the second")) {
		t.Error("a later failure takes the place of the first")
	}
	text, err := a.kept.encode()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, evidenceFile)
	if err := replaceFile(file, text); err != nil {
		t.Fatal(err)
	}
	b := agent()
	got := b.KeptEvidence("inc-1")
	if len(got) != 2 || got[0].Detail != "the first" || !got[0].At.Equal(noon) || len(got[0].Wire) != 1 {
		t.Fatalf("after a restart: %+v", got)
	}
	s := &steer.State{Incidents: []steer.Incident{{ID: "inc-2", State: steer.Resolved, ResolvedAt: noon}}}
	if !b.addEvidence(s, noon.Add(time.Hour)) || len(b.KeptEvidence("inc-1")) != 0 || len(b.KeptEvidence("inc-2")) != 1 {
		t.Error("an incident that is no more is kept, or one that is known is not")
	}
	if b.addEvidence(s, noon.Add(time.Hour)) {
		t.Error("written again without anything new")
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := agent().KeptEvidence("inc-1"); len(got) != 0 {
		t.Errorf("of a damaged file: %+v", got)
	}
}
