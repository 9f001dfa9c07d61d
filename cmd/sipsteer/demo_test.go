package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/lab/story"
)

// TestDemoTellsTheOutages plays every outage of examples/incidents live: real
// agents, name servers and gates, and a hundred phones. The demo itself fails
// when an expectation of its scenario was not met.
func TestDemoTellsTheOutages(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real processes; left out by -short")
	}
	folders, err := filepath.Glob(filepath.Join("..", "..", "examples", "incidents", "*", "scenario.yaml"))
	if err != nil || len(folders) != 5 {
		t.Fatalf("%d incidents, %v", len(folders), err)
	}
	for i, folder := range folders {
		name := filepath.Base(filepath.Dir(folder))
		t.Run(name, func(t *testing.T) {
			t.Parallel() // as many at a time as there are processors: they wait most of the time
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
