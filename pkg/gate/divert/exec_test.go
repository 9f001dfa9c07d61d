package divert

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// script writes a program that keeps its orders in a file beside it.
func script(t *testing.T, text string) (command, orders string) {
	t.Helper()
	dir := t.TempDir()
	command, orders = filepath.Join(dir, "edge"), filepath.Join(dir, "orders")
	if err := os.WriteFile(command, []byte("#!/bin/sh\ncd "+dir+"\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return command, orders
}

// TestExec: the program gets each order once, in JSON.
func TestExec(t *testing.T) {
	command, orders := script(t, "cat >> orders")
	e := &Exec{Command: []string{command}, Site: "calgary", Transports: both}
	p := policy(gate.Rule{Mode: gate.Draining, PassInvite: true, Reason: "site drained"})
	p.RetryAfterMin, p.RetryAfterMax = 5, 10
	p.Redirects = map[fleet.Transport][]string{fleet.UDP: {"sip:192.0.2.1"}, fleet.TCP: {"sip:192.0.2.1"}}
	apart := policy(gate.Rule{}) // a program knows no tenants, and is told nothing of them
	apart.Parts = map[fleet.Transport][]gate.Part{fleet.UDP: {{Service: "west.voice.example.net", Cohort: fleet.Everyone(), Mode: gate.Draining}}}
	for _, p := range []gate.Policy{p, p, policy(gate.Rule{}), apart} {
		if err := e.Apply(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(orders)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	want := `{"site":"calgary","transports":[{"transport":"udp","do":"first-phase","reason":"site drained"},{"transport":"tcp","do":"first-phase","reason":"site drained"}],"emergency":["911"],"retry_after":[5,10],"redirects":["sip:192.0.2.1"]}`
	if len(lines) != 2 || lines[0] != want {
		t.Fatalf("orders:\n%s\nwant two, the first\n%s", text, want)
	}
	var o Order
	if err := json.Unmarshal([]byte(lines[1]), &o); err != nil || o.Transports[0].Do != "open" {
		t.Errorf("%s: %v", lines[1], err)
	}
}

// TestExecFails: it is tried again until it works, what it says is shown on one
// line, and what was not done is not said to be in force.
func TestExecFails(t *testing.T) {
	command, orders := script(t, `echo x >> orders; test $(wc -l < orders) -gt 3 || { printf 'no route\033[2J\n'; exit 7; }`)
	f := follow(t, &Exec{Command: []string{command}, Site: "calgary", Transports: both})
	want := gate.Rule{Mode: gate.Draining}
	f.SetPolicy(policy(want))
	eventually(t, "the problem is named", func() bool {
		return strings.Contains(f.Problem(), "exit status 7: no route[2J") || f.Policy().Rules != nil
	})
	eventually(t, "it works", func() bool { return f.Policy().Rules[fleet.UDP] == want })
	if text, _ := os.ReadFile(orders); strings.Count(string(text), "x") != 4 {
		t.Errorf("started %d times", strings.Count(string(text), "x"))
	}
	if problem := f.Problem(); problem != "" {
		t.Errorf("problem %q after all", problem)
	}
}

// TestExecHangs: a program that does not end is ended, and named.
func TestExecHangs(t *testing.T) {
	command, _ := script(t, "sleep 60")
	f, err := New(Config{Driver: &Exec{Command: []string{command}, Transports: both}, Transports: both, Timeout: 50e6})
	if err != nil {
		t.Fatal(err)
	}
	f.SetPolicy(policy(gate.Rule{}))
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is named", func() bool { return strings.Contains(f.Problem(), "killed") })
	if err := f.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := f.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
