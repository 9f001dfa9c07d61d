package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/cli"
)

const smallScenario = `format: 1
name: small
length: 10m
fleet: fleet.yaml
phones:
  - {name: desk, kind: srv, service: west, transport: udp, count: 200}
faults:
  - {at: 2m, for: 2m, site: calgary, fault: down}
expect:
  - {say: nobody is harmed, what: keeps, share: 100, at: 0s}
`

// sipsteer runs a command line and returns its exit code and what it said.
func sipsteer(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = cli.Main(context.Background(), args, cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e}, "test")
	return code, o.String(), e.String()
}

// scenarioIn writes a scenario beside the sample fleet.
func scenarioIn(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.ReadFile("../../examples/three-sites/fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"fleet.yaml": string(f), "scenario.yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "scenario.yaml")
}

func TestSimulate(t *testing.T) {
	path := scenarioIn(t, smallScenario)
	svg := filepath.Join(t.TempDir(), "x.svg")
	code, out, _ := sipsteer(t, "simulate", path, "--svg", svg)
	if code != 1 || !strings.Contains(out, "NOT MET") || !strings.Contains(out, "nobody is harmed") {
		t.Errorf("an expectation that is not met: exit code %d\n%s", code, out)
	}
	if picture, err := os.ReadFile(svg); err != nil || !bytes.HasPrefix(picture, []byte("<svg ")) {
		t.Errorf("picture: %v %.20q", err, picture)
	}
	met := strings.Replace(smallScenario, "what: keeps, share: 100, at: 0s", "what: moves, most: 1", 1)
	if code, out, errs := sipsteer(t, "simulate", scenarioIn(t, met), "--seed", "3"); code != 0 || !strings.Contains(out, "seed 3") {
		t.Errorf("an expectation that is met: exit code %d\n%s%s", code, out, errs)
	}
	_, out, _ = sipsteer(t, "simulate", path, "--json")
	var r struct {
		Phones int
		Moves  int
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Phones != 200 {
		t.Errorf("--json: %v, %+v", err, r)
	}
	code, out, _ = sipsteer(t, "simulate", path, "--vs", filepath.Join(filepath.Dir(path), "fleet.yaml"))
	if code != 0 || !strings.Contains(out, "desk: phone-minutes unserved") {
		t.Errorf("--vs: exit code %d\n%s", code, out)
	}
}

func TestSimulateTellsWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"a site that is not there", "site: calgary", "site: calgari", `scenario.yaml:8:29: the fleet has no site "calgari"`},
		{"a kind that is not known", "kind: srv", "kind: svr", `no kind of phone is called "svr"`},
		{"a fault that is not known", "fault: down", "fault: dwon", `no fault is called "dwon"`},
		{"a service over a transport that it lacks", "transport: udp", "transport: ws", "west is not offered over ws"},
		{"an unknown key", "length:", "lenght:", "did you mean length?"},
		{"a newer format", "format: 1", "format: 9", "format 9 is not known"},
		{"a fault after the end", "at: 2m", "at: 2h", "2h0m0s is outside the scenario"},
		{"no fleet file", "fleet: fleet.yaml", "fleet: nowhere.yaml", "no such file"},
		{"a number that is none", "count: 200", "count: many", `"many" is not a whole number`},
		{"a guard that is not known", "what: keeps, share: 100", "what: advice, rule: luck", `no guard is called "luck"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := scenarioIn(t, strings.Replace(smallScenario, tt.old, tt.new, 1))
			code, out, errs := sipsteer(t, "simulate", path)
			if code != 2 || !strings.Contains(errs, tt.want) {
				t.Errorf("exit code %d, want 2 and %q\n%s%s", code, tt.want, out, errs)
			}
		})
	}
}
