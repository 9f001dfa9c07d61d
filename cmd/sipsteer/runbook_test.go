package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// receiver takes webhooks and counts them by the key that tells repetitions.
type receiver struct {
	mu   sync.Mutex
	keys map[string]int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[req.Header.Get("Idempotency-Key")]++
	w.WriteHeader(http.StatusNoContent)
}

func (l *testLab) receiver() *receiver {
	l.t.Helper()
	r := &receiver{keys: map[string]int{}}
	sock, err := net.Listen("tcp", lab.Layout{Net: l.net}.Webhooks().String())
	if err != nil {
		l.t.Fatal(err)
	}
	srv := &http.Server{Handler: r, ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { // ended by the clean-up
		defer close(done)
		_ = srv.Serve(sock)
	}()
	l.t.Cleanup(func() { _ = srv.Close(); <-done })
	return r
}

// thirtySteps is a runbook of every kind of step that needs no person.
func (l *testLab) thirtySteps() string {
	var b strings.Builder
	b.WriteString("format: 1\nname: thirty\nsummary: thirty steps\nsteps:\n")
	for i := range 30 {
		switch i % 6 {
		case 0:
			fmt.Fprintf(&b, "  - {id: s%d, do: notify, text: \"notice %d\"}\n", i, i)
		case 1:
			fmt.Fprintf(&b, "  - {id: s%d, do: hold, for: 1h}\n", i)
		case 2:
			fmt.Fprintf(&b, "  - {id: s%d, do: wait, until: held(), stays: 600ms, limit: 5m}\n", i)
		case 3:
			fmt.Fprintf(&b, "  - {id: s%d, do: webhook, url: \"http://%s/step\", tries: 10}\n", i, lab.Layout{Net: l.net}.Webhooks())
		case 4:
			fmt.Fprintf(&b, "  - {id: s%d, do: release}\n", i)
		case 5:
			fmt.Fprintf(&b, "  - {id: s%d, do: wait, until: not held(), stays: 600ms, limit: 5m}\n", i)
		}
	}
	file := filepath.Join(l.t.TempDir(), "thirty.yaml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return file
}

// kills is how often the leader is killed: three times, ten in the long mode
// (SIPSTEER_TEST_KILLS).
func kills(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("SIPSTEER_TEST_KILLS"))
	if err != nil && os.Getenv("SIPSTEER_TEST_KILLS") != "" {
		t.Fatal(err)
	}
	return max(3, n)
}

// TestRunbookSurvivesItsLeaders kills the leader at random steps of a runbook:
// it finishes, and each effect has happened once.
func TestRunbookSurvivesItsLeaders(t *testing.T) {
	l := newLab(t, 7)
	hooks := l.receiver()
	file := l.thirtySteps()
	res := l.must(0, "runbook", "run", file, "--reason", "test", "--yes", "--json")
	var started struct{ Events []steer.Event }
	if err := json.Unmarshal([]byte(res.out), &started); err != nil {
		t.Fatal(err)
	}
	id := started.Events[0].Run
	state := func() (steer.Run, int, bool) {
		var r steer.Run
		out := l.run("runbook", "show", id, "--json")
		if out.code != 0 || json.Unmarshal([]byte(out.out), &r) != nil {
			return r, 0, false
		}
		done := 0
		for _, p := range r.Progress {
			if p.State == steer.StepDone {
				done++
			}
		}
		return r, done, true
	}
	n := kills(t)
	rnd := rand.New(rand.NewPCG(uint64(os.Getpid()), 30))
	for k := range n {
		at := k*28/n + rnd.IntN(max(1, 28/n))
		eventually(t, fmt.Sprintf("step %d", at), patience, func() bool { _, done, ok := state(); return ok && done >= at })
		leader := ""
		eventually(t, "a leader to kill", patience, func() bool {
			st := l.status()
			leader = st.Leader
			return st.Quorum && leader != ""
		})
		_, done, _ := state()
		t.Logf("kill %d: %s leads, %d steps done", k+1, leader, done)
		l.must(0, "lab", "break", leader, "agent-kill")
		eventually(t, "another leader", patience, func() bool { st := l.status(); return st.Quorum && st.Leader != "" && st.Leader != leader })
		l.must(0, "lab", "heal", leader)
	}
	var r steer.Run
	eventually(t, "the runbook is done", patience, func() bool {
		var ok bool
		r, _, ok = state()
		return ok && r.State == steer.RunDone
	})
	var events []steer.Event
	if err := json.Unmarshal([]byte(l.must(0, "history", "--limit", "500", "--json").out), &events); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, e := range events {
		switch {
		case e.Kind == steer.EventRun:
			count["run "+e.Word]++
		case strings.HasPrefix(e.Reason, "runbook thirty") || e.Kind == steer.EventNotify:
			count[string(e.Kind)]++
		}
	}
	for what, want := range map[string]int{"notify": 5, "hold": 5, "release": 5, "run begun": 30, "run step-done": 30, "run done": 1} {
		if count[what] != want {
			t.Errorf("%s: %d times, want %d", what, count[what], want)
		}
	}
	hooks.mu.Lock()
	defer hooks.mu.Unlock()
	if len(hooks.keys) != 5 {
		t.Errorf("webhooks with %d different keys, want 5: %v", len(hooks.keys), hooks.keys)
	}
}

// TestRunbookAtTheDesk is a person with a runbook: plan, refusals, two-person
// approval, undo.
func TestRunbookAtTheDesk(t *testing.T) {
	l := newLab(t, 8)
	for _, name := range []string{"evacuate-site", "failover", "failback", "tls-off", "cutover", "restart-one-at-a-time", "key-reset", "region-restore", "stragglers"} {
		if r := l.must(0, "runbook", "list"); !strings.Contains(r.out, name) {
			t.Errorf("list lacks %s", name)
		}
	}
	eventually(t, "all is well", patience, func() bool {
		r := l.run("runbook", "plan", "cutover", "--set", "site=calgary", "--set", "to=ottawa")
		return r.code == 0 && strings.Contains(r.out, `well("ottawa") — now yes`)
	})
	file := filepath.Join(t.TempDir(), "two.yaml")
	text := `format: 1
name: two
summary: two people
values: [{name: site, kind: site}]
steps:
  - {id: out, do: drain, site: "${site}", now: true, undo: {do: undrain, now: true}}
  - {id: agree, do: approve, people: 2, text: "go on?"}
  - {id: tell, do: notify, text: "done"}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		code int
		says string
		args []string
	}{
		{2, "values are missing", []string{"runbook", "run", file, "--reason", "r", "--yes"}},
		{2, "no site is called", []string{"runbook", "run", file, "--set", "site=paris", "--reason", "r", "--yes"}},
		{2, "a reason is required", []string{"runbook", "run", file, "--set", "site=calgary", "--yes"}},
		{2, "add --yes", []string{"runbook", "run", file, "--set", "site=calgary", "--reason", "r"}},
		{3, "require", []string{"runbook", "run", "tls-off", "--set", "site=calgary", "--reason", "r", "--yes"}},
		{2, "no runbook is called", []string{"runbook", "plan", "dance"}},
		{2, "no run is called", []string{"runbook", "approve", "run-0", "x"}},
	} {
		if r := l.must(bad.code, bad.args...); !strings.Contains(r.err, bad.says) {
			t.Errorf("sipsteer %s says\n%s\nand not %q", strings.Join(bad.args, " "), r.err, bad.says)
		}
	}
	l.must(1, "runbook", "run", file, "--set", "site=calgary", "--reason", "r", "--yes", "--wait") // ends where a person is needed
	var list struct{ Runs []steer.Run }
	if err := json.Unmarshal([]byte(l.must(0, "runbook", "list", "--json").out), &list); err != nil || len(list.Runs) != 1 {
		t.Fatalf("%v %+v", err, list.Runs)
	}
	id := list.Runs[0].ID
	if r := l.must(3, "runbook", "run", file, "--set", "site=calgary", "--reason", "r", "--yes"); !strings.Contains(r.err, "one-run") {
		t.Errorf("a second run: %s", r.err)
	}
	l.must(0, "runbook", "approve", id, "agree", "--yes")
	if r := l.must(3, "runbook", "approve", id, "agree", "--yes"); !strings.Contains(r.err, "another person") {
		t.Errorf("the same person: %s", r.err)
	}
	// Another name for the same token is the same person; another token is not.
	l.must(3, "runbook", "approve", id, "agree", "--owner", "bob", "--yes")
	l.must(0, "operator", "set", "bob", "--role", "operator", "--out", filepath.Join(l.dir, "bob.token"))
	client, err := os.ReadFile(filepath.Join(l.dir, "client.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	bobs := filepath.Join(l.dir, "bob.yaml")
	if err := os.WriteFile(bobs, []byte(strings.Replace(string(client), "operator.token", "bob.token", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	l.must(0, "runbook", "approve", id, "agree", "--owner", "bob", "--yes", "--config", bobs)
	l.must(0, "runbook", "watch", id)
	if st := l.status(); len(st.Drains) != 1 {
		t.Fatalf("drains: %+v", st.Drains)
	}
	l.must(0, "runbook", "undo", id, "--reason", "only a test", "--yes")
	eventually(t, "taken back", patience, func() bool { return len(l.status().Drains) == 0 })
	l.must(0, "runbook", "watch", id)
}
