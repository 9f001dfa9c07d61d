package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// receiver takes webhooks and counts them by the key that tells repetitions. It
// takes its time, so that a leader can die while one is under way.
type receiver struct {
	mu   sync.Mutex
	keys map[string]int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.keys[req.Header.Get("Idempotency-Key")]++
	r.mu.Unlock()
	slow := time.NewTimer(time.Second)
	defer slow.Stop()
	select {
	case <-slow.C:
	case <-req.Context().Done():
	}
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

// thirtySteps is a runbook of ten rounds of three steps. Each round ends when a
// person ticks it off, so no round is over before the test wants it to be; the
// other two are every kind of step that needs no person.
func (l *testLab) thirtySteps() string {
	hook := fmt.Sprintf("do: webhook, url: \"http://%s/step\", tries: 10", lab.Layout{Net: l.net}.Webhooks())
	rounds := [][2]string{
		{"do: hold, for: 1h", "do: notify, text: held"},
		{hook, "do: wait, until: held(), stays: 1s, limit: 5m"},
		{"do: release", hook},
		{"do: wait, until: not held(), stays: 1s, limit: 5m", "do: notify, text: free"},
	}
	var b strings.Builder
	b.WriteString("format: 1\nname: thirty\nsummary: thirty steps\nsteps:\n")
	for i := range 10 {
		r := rounds[i%len(rounds)]
		fmt.Fprintf(&b, "  - {id: a%d, %s}\n  - {id: b%d, %s}\n  - {id: go%d, do: manual, text: go}\n", i, r[0], i, r[1], i)
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
	return min(10, max(3, n))
}

// thirty is a run of the thirty steps.
type thirty struct {
	l  *testLab
	id string
}

// at returns the run and how many of its steps are done.
func (x thirty) at() (r steer.Run, done int, ok bool) {
	out := x.l.run("runbook", "show", x.id, "--json")
	if out.code != 0 || json.Unmarshal([]byte(out.out), &r) != nil {
		return r, 0, false
	}
	for _, p := range r.Progress {
		if p.State == steer.StepDone {
			done++
		}
	}
	return r, done, true
}

// tick lets round i end. The command may meet a leader that is just dying:
// repeating it is harmless.
func (x thirty) tick(i int) {
	x.l.t.Helper()
	step := fmt.Sprintf("go%d", i)
	if !poll(patience, func() bool { return x.l.run("runbook", "approve", x.id, step).code == 0 }) {
		x.l.t.Errorf("%s is not ticked off within %s", step, patience) // no Fatal: it runs beside the test
	}
}

// due waits until round i asks to be ticked off.
func (x thirty) due(i int) {
	x.l.t.Helper()
	eventually(x.l.t, fmt.Sprintf("go%d is due", i), patience, func() bool {
		r, _, ok := x.at()
		return ok && r.Progress[3*i+2].State == steer.StepRunning
	})
}

// leader waits until there is one.
func (x thirty) leader() (name string) {
	x.l.t.Helper()
	eventually(x.l.t, "a leader", patience, func() bool {
		st := x.l.status()
		name = st.Leader
		return st.Quorum && name != ""
	})
	return name
}

// kill ends the leader with SIGKILL after so long, and starts it again when
// another one leads.
func (x thirty) kill(leader string, after time.Duration) {
	t := x.l.t
	t.Helper()
	moment := time.NewTimer(after)
	<-moment.C
	x.l.must(0, "lab", "break", leader, "agent-kill")
	eventually(t, "another leader", patience, func() bool { st := x.l.status(); return st.Quorum && st.Leader != "" && st.Leader != leader })
	r, done, _ := x.at()
	if r.State != steer.RunRunning {
		t.Errorf("the leader was killed when the runbook was %s: that proves nothing", r.State)
	}
	t.Logf("killed %s after %s; %d steps are done", leader, after, done)
	x.l.must(0, "lab", "heal", leader)
}

// TestRunbookSurvivesItsLeaders kills the leader at random moments of a runbook's
// steps: it finishes, and each effect has happened once.
func TestRunbookSurvivesItsLeaders(t *testing.T) {
	l := newLab(t)
	hooks := l.receiver()
	res := l.must(0, "runbook", "run", l.thirtySteps(), "--reason", "test", "--yes", "--json")
	var started struct{ Events []steer.Event }
	if err := json.Unmarshal([]byte(res.out), &started); err != nil {
		t.Fatal(err)
	}
	x := thirty{l, started.Events[0].Run}
	n := kills(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 30))
	dies := rnd.Perm(10)[:n] // the rounds in which a leader dies: while the one before is ticked off, or soon after
	for i := range 10 {
		var ticked sync.WaitGroup
		leader := ""
		if slices.Contains(dies, i) {
			leader = x.leader()
		}
		if i > 0 {
			ticked.Go(func() { x.tick(i - 1) })
		}
		if leader != "" {
			x.kill(leader, time.Duration(rnd.IntN(1800))*time.Millisecond)
		}
		ticked.Wait()
		x.due(i)
	}
	x.tick(9)
	var r steer.Run
	eventually(t, "the runbook is done", patience, func() bool {
		var ok bool
		r, _, ok = x.at()
		return ok && r.State == steer.RunDone
	})
	l.onceEach(hooks)
}

// onceEach looks whether each effect of the thirty steps has happened once.
func (l *testLab) onceEach(hooks *receiver) {
	t := l.t
	t.Helper()
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
	for what, want := range map[string]int{"notify": 5, "hold": 3, "release": 2, "run begun": 30, "run step-done": 30, "run done": 1} {
		if count[what] != want {
			t.Errorf("%s: %d times, want %d", what, count[what], want)
		}
	}
	hooks.mu.Lock()
	defer hooks.mu.Unlock()
	if len(hooks.keys) != 5 {
		t.Errorf("webhooks with %d different keys, want 5: %v", len(hooks.keys), hooks.keys)
	}
	t.Logf("webhooks by key, the same key again when a leader died with one under way: %v", hooks.keys)
}

// TestRunbookAtTheDesk is a person with a runbook: plan, refusals, two-person
// approval, undo.
func TestRunbookAtTheDesk(t *testing.T) {
	l := newLab(t)
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
	l.keepsBooks(file)
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

// keepsBooks has the fleet keep a runbook, run by its name from then on.
func (l *testLab) keepsBooks(file string) {
	l.t.Helper()
	l.must(0, "runbook", "save", file, "--reason", "for everybody")
	if r := l.must(0, "runbook", "list"); !strings.Contains(r.out, "two people (the fleet's, version 1") {
		l.t.Errorf("list:\n%s", r.out)
	}
	l.must(0, "runbook", "show", "two")
	l.must(0, "runbook", "plan", "two", "--set", "site=calgary")
	l.must(0, "operator", "set", "olga", "--role", "operator", "--out", filepath.Join(l.dir, "olga.token"))
	client, err := os.ReadFile(filepath.Join(l.dir, "client.yaml"))
	if err != nil {
		l.t.Fatal(err)
	}
	olgas := filepath.Join(l.dir, "olga.yaml")
	if err := os.WriteFile(olgas, []byte(strings.Replace(string(client), "operator.token", "olga.token", 1)), 0o600); err != nil {
		l.t.Fatal(err)
	}
	if r := l.must(3, "runbook", "remove", "two", "--reason", "mine is better", "--config", olgas); !strings.Contains(r.err, "role") {
		l.t.Errorf("an operator removes: %s", r.err)
	}
	if r := l.must(2, "runbook", "save", filepath.Join(l.dir, "client.yaml"), "--reason", "r"); !strings.Contains(r.err, "client.yaml:") {
		l.t.Errorf("a file that is none: %s", r.err)
	}
	l.must(0, "runbook", "remove", "two", "--reason", "only a test")
	l.must(2, "runbook", "show", "two")
}
