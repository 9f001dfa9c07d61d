package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/goccy/go-yaml"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestSessions plays the files of testdata/sessions: what an operator types, and
// all that is said: standard output, standard error, exit code and the epoch
// after it. -rewrite refreshes them; a changed one is committed only when it
// can be explained.
//
// A command that changes nothing is run a second time with --json: that has to
// end with the same code and to print one JSON value.
func TestSessions(t *testing.T) {
	dir, err := filepath.Abs("testdata/sessions") // each session has a directory of its own
	if err != nil {
		t.Fatal(err)
	}
	datadriven.Walk(t, dir, func(t *testing.T, path string) {
		s := newSession(t)
		datadriven.RunTest(t, path, s.run)
	})
}

type session struct {
	*desk
	dir string
	ca  string
}

func newSession(t *testing.T) *session {
	d, url, ca := newDesk(t)
	s := &session{d, t.TempDir(), ca}
	text := "format: 1\nagents:\n  - {name: calgary, api: \"" + url + "\"}\nca: " + ca + "\n"
	if err := os.WriteFile(filepath.Join(s.dir, "client.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SIPSTEER_CONFIG", filepath.Join(s.dir, "client.yaml"))
	t.Setenv("SIPSTEER_OWNER", "sam")
	t.Chdir(s.dir)
	return s
}

func (s *session) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "sipsteer": // a command line of the program
		return s.command(t, d)
	case "quorum": // lost, or found again
		s.mu.Lock()
		defer s.mu.Unlock()
		s.quorum = d.HasArg("found")
	case "checks": // SITE up|down: all checks of a site, seen so for ten minutes
		status := map[string]health.Status{"up": health.Up, "down": health.Down}[d.CmdArgs[1].Key]
		s.verdict(t, fleet.SiteID(d.CmdArgs[0].Key), status)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.now = s.now.Add(10 * time.Minute)
	case "file": // NAME: writes the input to it
		if err := os.WriteFile(d.CmdArgs[0].Key, []byte(d.Input+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	case "fleet": // failback: POLICY in YAML: another failback policy
		s.failbackPolicy(t, d.Input)
	case "tenants": // DOMAIN SERVICE in each line: imports them
		s.tenants(t, d.Input)
	case "agents": // gone: nobody listens at any of them
		text := "format: 1\nagents: [{name: calgary, api: \"https://127.0.0.1:1\"}, {name: ottawa, api: \"https://127.0.0.1:2\"}]\nca: " + s.ca + "\n"
		if err := os.WriteFile("client.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("%s: no step is called %q", d.Pos, d.Cmd)
	}
	return "ok\n"
}

func (s *session) failbackPolicy(t *testing.T, text string) {
	var p struct{ Failback fleet.FailbackPolicy }
	if err := yaml.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	f := *s.state.Fleet
	f.Policy.Failback = p.Failback
	s.apply(t, steer.Command{Kind: steer.KindSetFleet, By: "init", Reason: "test", Fleet: &f})
}

func (s *session) tenants(t *testing.T, lines string) {
	rows := strings.ReplaceAll(lines, "\n", ",") + ","
	for _, c := range []steer.Command{
		{Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u", Rows: rows}},
		{Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "u", Part: 1}},
	} {
		c.By, c.Reason = "init", "test"
		s.apply(t, c)
	}
}

func (s *session) command(t *testing.T, d *datadriven.TestData) string {
	args := words(d.Input)
	before := s.epoch()
	code, out, errs := sipsteer(t, args...)
	if s.epoch() == before {
		s.mu.Lock()
		kept := s.state // its history holds what was refused
		s.mu.Unlock()
		asJSON(t, d.Pos, code, args)
		s.mu.Lock()
		s.state = kept
		s.mu.Unlock()
	}
	var b strings.Builder
	b.WriteString(s.plain(out))
	b.WriteString(s.plain(errs))
	fmt.Fprintf(&b, "exit code %d, epoch %d\n", code, s.epoch())
	return b.String()
}

// asJSON runs the command again with --json.
func asJSON(t *testing.T, pos string, code int, args []string) {
	t.Helper()
	if strings.Contains(strings.Join(args, " "), "--help") {
		return
	}
	again, out, _ := sipsteer(t, append(args, "--json")...)
	if again != code {
		t.Errorf("%s: exit code %d with --json, %d without", pos, again, code)
	}
	var v any
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Errorf("%s: --json: %v\n%s", pos, err, out)
		return
	}
	if o, ok := v.(map[string]any); code != 0 && ok && o["refusal"] == nil {
		if o["exit_code"] != float64(code) || o["error"] == nil {
			t.Errorf("%s: --json of a failure says neither what nor the exit code:\n%s", pos, out)
		}
	}
}

var refusedDial = regexp.MustCompile(`dial tcp (127\.0\.0\.1:\d+): .*?connection refused`)

// plain takes out what differs from run to run.
func (s *session) plain(text string) string {
	text = strings.ReplaceAll(text, s.dir+"/", "")
	return refusedDial.ReplaceAllString(text, "dial tcp $1: connection refused")
}

// words splits a line at spaces, except inside double quotes.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}
