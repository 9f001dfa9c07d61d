package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/lab/story"
)

// demosVariable has TestDemoTellsTheOutages play; make demos sets it.
const demosVariable = "SIPSTEER_DEMOS"

// TestDemoTellsTheOutages plays every outage of examples/incidents live: real
// agents, name servers and gates, and a hundred phones. The demo itself fails
// when an expectation of its scenario was not met. Its expectations are about
// seconds, so it needs the machine for itself, and no race detector: the same
// incidents are played in virtual time in pkg/sim, and every fault of the lab in
// TestFaults, with room for slow machines.
func TestDemoTellsTheOutages(t *testing.T) {
	if os.Getenv(demosVariable) == "" {
		t.Skip("plays in real time, for some minutes, on a machine that does nothing else: make demos")
	}
	folders, err := filepath.Glob(filepath.Join("..", "..", "examples", "incidents", "*", "scenario.yaml"))
	if err != nil || len(folders) != 5 {
		t.Fatalf("%d incidents, %v", len(folders), err)
	}
	for i, folder := range folders {
		name := filepath.Base(filepath.Dir(folder))
		t.Run(name, func(t *testing.T) {
			sc, err := story.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			net := 20 + (os.Getpid()*7+60+i)%230
			r := runProgram(t, []string{"SIPSTEER_LAB_NET=" + strconv.Itoa(net), "TMPDIR=" + t.TempDir()}, "demo", "--scenario", name, "--headless", "--exit")
			held := strings.Count(r.out, " s  ok  ")
			want := 0
			for _, step := range sc.Steps {
				want += len(step.Expect)
			}
			if r.code != 0 || held != want || want < 5 {
				t.Errorf("exit code %d, %d of %d expectations held:\n%s%s", r.code, held, want, r.out, r.err)
			}
		})
	}
}
