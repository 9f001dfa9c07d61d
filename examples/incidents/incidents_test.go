package incidents_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/cli"
)

var update = flag.Bool("update", false, "write what is measured into the READMEs; commit the change only if you can explain it")

// marker stands before what the simulator prints.
const marker = "<!-- what sipsteer simulate prints; a test holds it current -->\n"

// TestReplaysMeetTheirTargets plays every incident in virtual time. The exit
// code says whether each expectation of its scenario was met.
func TestReplaysMeetTheirTargets(t *testing.T) {
	scenarios, err := filepath.Glob("*/scenario.yaml")
	if err != nil || len(scenarios) != 5 {
		t.Fatalf("scenarios: %v %v", scenarios, err)
	}
	for _, path := range scenarios {
		t.Run(filepath.Dir(path), func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			code := cli.Main(context.Background(), []string{"simulate", path}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, "test")
			if code != 0 || !strings.Contains(out.String(), "\nexpected\n") {
				t.Fatalf("exit code %d\n%s%s", code, out.String(), errs.String())
			}
			readme := filepath.Join(filepath.Dir(path), "README.md")
			text, err := os.ReadFile(readme)
			if err != nil {
				t.Fatal(err)
			}
			words, _, found := strings.Cut(string(text), marker)
			if !found {
				t.Fatalf("%s has no place for what is measured: %s", readme, marker)
			}
			want := words + marker + "\n```\n" + trimmed(out.String()) + "```\n"
			if *update {
				if err := os.WriteFile(readme, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if string(text) != want {
				t.Errorf("%s does not hold what is measured now (go test ./examples/incidents -update):\n%s", readme, out.String())
			}
		})
	}
}

// TestTargetsCanBeMissed: without automation Calgary's phones are not served
// again in time. A replay that cannot fail shows nothing.
func TestTargetsCanBeMissed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"fleet.yaml", "scenario.yaml"} {
		text, err := os.ReadFile(filepath.Join("calgary-tls", name))
		if err != nil {
			t.Fatal(err)
		}
		off := strings.ReplaceAll(string(text), "automation: act", "automation: off")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(off), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	code := cli.Main(context.Background(), []string{"simulate", filepath.Join(dir, "scenario.yaml")}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &out}, "test")
	if code != 1 || !strings.Contains(out.String(), "NOT MET") {
		t.Errorf("exit code %d without automation\n%s", code, out.String())
	}
}

// trimmed drops spaces at the ends of lines.
func trimmed(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
