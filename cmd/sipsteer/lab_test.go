package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
)

const (
	westUDP = "_sip._udp.west"
	westTCP = "_sip._tcp.west"
	westTLS = "_sips._tcp.west"
	eastUDP = "_sip._udp.east"
)

// TestOperator is a shift at the command line: look, plan, drain, bring back,
// and be refused.
func TestOperator(t *testing.T) {
	l := newLab(t)
	w := l.watch(10*time.Millisecond, westUDP, westTCP, westTLS, eastUDP)
	eventually(t, "all three answer alike", patience, l.answered(w, westUDP, "calgary", "vancouver", "ottawa"))
	eventually(t, "all three answer alike", patience, l.answered(w, eastUDP, "ottawa", "calgary", "vancouver"))

	st := l.status()
	if !st.Quorum || st.Leader == "" || len(st.Sites) != 3 || len(st.Services) != 2 || len(st.Incidents) != 0 {
		t.Fatalf("status: %+v", st)
	}
	for _, s := range st.Sites {
		if s.Intent != "active" || s.Gate != "open" || s.Transports["udp"] != "up" || s.Transports["tcp"] != "up" || s.Transports["tls"] != "up" {
			t.Errorf("site %+v", s)
		}
	}
	if got := st.Services[0].Transports["udp"]; len(got) != 3 || got[0].Site != "calgary" || got[0].Priority != 10 {
		t.Errorf("west over udp: %+v", got)
	}

	// Bad wishes change nothing and say what would be right.
	for _, bad := range []struct {
		code int
		says string
		args []string
	}{
		{2, "a reason is required", []string{"drain", "calgary", "--for", "1h", "--yes"}},
		{2, "an end is required", []string{"drain", "calgary", "--reason", "r", "--yes"}},
		{2, "one of calgary, ottawa, vancouver", []string{"drain", "calgari", "--reason", "r", "--for", "1h", "--yes"}},
		{2, "add --yes", []string{"drain", "calgary", "--reason", "r", "--for", "1h"}},
		{2, "not a duration", []string{"drain", "calgary", "--reason", "r", "--for", "soon", "--yes"}},
		{2, "unknown transport", []string{"drain", "calgary", "--transport", "sctp", "--reason", "r", "--for", "1h", "--yes"}},
		{2, "no service is called", []string{"drain", "calgary", "--service", "north", "--reason", "r", "--for", "1h", "--yes"}},
		{3, "expires", []string{"drain", "calgary", "--reason", "r", "--for", "73h", "--yes"}},
		{3, "stale-plan", []string{"drain", "calgary", "--reason", "r", "--for", "1h", "--yes", "--expect-epoch", "999"}},
		{2, "has no name", []string{"why", "north"}},
		{2, "is missing", []string{"drain"}},
		{2, "unknown flag", []string{"status", "--wat"}},
		{2, "unknown command", []string{"reboot"}},
		{2, "no fault is called", []string{"lab", "break", "calgary", "tired"}},
		{2, "no site is called", []string{"lab", "break", "paris", "down"}},
	} {
		if r := l.must(bad.code, bad.args...); !strings.Contains(r.err, bad.says) || !strings.Contains(r.err, "sipsteer: error: ") {
			t.Errorf("sipsteer %s says\n%s\nand not %q", strings.Join(bad.args, " "), r.err, bad.says)
		}
	}
	if now := l.status(); now.Epoch != st.Epoch {
		t.Errorf("refused commands moved the epoch from %d to %d", st.Epoch, now.Epoch)
	}

	// To look takes no reason; what is saved to be done does.
	if r := l.must(0, "plan", "drain", "calgary"); !strings.Contains(r.out, "sip.calgary.voice.example.net.") {
		t.Errorf("plan without a reason:\n%s", r.out)
	}
	if r := l.must(2, "plan", "drain", "calgary", "--out", filepath.Join(t.TempDir(), "p")); !strings.Contains(r.err, "a reason is required") {
		t.Errorf("saved without a reason: %s", r.err)
	}

	// A plan is bound to its epoch.
	file := filepath.Join(t.TempDir(), "drain.plan")
	plan := l.must(0, "plan", "drain", "calgary", "--now", "--reason", "kernel", "--for", "1h", "--out", file)
	if !strings.Contains(plan.out, "- 10 100 5060 sip.calgary.voice.example.net.") {
		t.Errorf("plan shows no difference:\n%s", plan.out)
	}
	l.must(0, "hold", "--reason", "in between", "--for", "10m", "--yes")
	if r := l.must(3, "apply", file, "--yes"); !strings.Contains(r.err, "stale-plan") {
		t.Errorf("stale plan: %s", r.err)
	}
	l.must(0, "release", "--yes")
	l.must(0, "plan", "drain", "calgary", "--now", "--reason", "kernel", "--for", "1h", "--out", file)
	r := l.must(0, "apply", file, "--yes", "--json")
	var res api.Result
	if err := json.Unmarshal([]byte(r.out), &res); err != nil || len(res.Reached) != 3 || !res.Changed {
		t.Fatalf("apply: %v %+v", err, res)
	}
	t.Logf("drain seen on all agents in %s", res.Took)

	// When the command returns, its effect is there: no waiting here.
	st = l.status()
	if s := st.Sites[0]; s.Intent != "draining" || s.Gate != "draining" {
		t.Errorf("calgary after drain: %+v", s)
	}
	eventually(t, "calgary has left", patience, l.answered(w, westUDP, "vancouver", "ottawa"))
	eventually(t, "calgary has left", patience, l.answered(w, westTLS, "vancouver", "ottawa"))

	// A second drain, the last site, and a repeated drain.
	if r := l.must(3, "drain", "ottawa", "--now", "--reason", "r", "--for", "1h", "--yes"); !strings.Contains(r.err, "one-at-a-time") || !strings.Contains(r.err, "sipsteer undrain calgary") {
		t.Errorf("second drain: %s", r.err)
	}
	l.must(0, "drain", "calgary", "--now", "--reason", "kernel", "--for", "1h", "--yes")
	l.must(0, "drain", "ottawa", "--now", "--reason", "r", "--for", "1h", "--yes", "--override", "one-at-a-time")
	if r := l.must(3, "drain", "vancouver", "--now", "--reason", "r", "--for", "1h", "--yes", "--override", "one-at-a-time"); !strings.Contains(r.err, "never-empty") {
		t.Errorf("drain of the last site: %s", r.err)
	}
	l.must(0, "undrain", "ottawa", "--now", "--yes")

	why := l.must(0, "why", "_sip._udp.west")
	if !strings.Contains(why.out, "left out: calgary") || !strings.Contains(why.out, "kernel") {
		t.Errorf("why:\n%s", why.out)
	}
	if h := l.must(0, "history"); !strings.Contains(h.out, "never-empty") && !strings.Contains(h.out, "refused") {
		t.Errorf("history:\n%s", h.out)
	}
	l.must(0, "undrain", "calgary", "--reason", "done", "--yes")
	if s := l.status().Sites[0]; s.Intent != "active" {
		t.Errorf("calgary after undrain: %+v", s)
	}
	eventually(t, "calgary is first again", patience, l.answered(w, westUDP, "calgary", "vancouver", "ottawa"))
	if c := w.Counts(); c.Unanswered > 0 || c.Empty > 0 {
		t.Errorf("DNS: %+v", c)
	}
}

// TestFaults breaks softswitches and looks from outside at what follows.
func TestFaults(t *testing.T) {
	l := newLab(t)
	w := l.watch(10*time.Millisecond, westUDP, westTCP, westTLS, eastUDP)

	// TLS only: the other transports stay.
	l.must(0, "lab", "break", "calgary", "tls-hang")
	eventually(t, "tls left calgary", patience, l.answered(w, westTLS, "vancouver", "ottawa"))
	if !l.answered(w, westUDP, "calgary", "vancouver", "ottawa")() || !l.answered(w, westTCP, "calgary", "vancouver", "ottawa")() {
		t.Error("per-transport: udp or tcp left calgary too")
	}

	// The same site grows worse: the same action.
	l.must(0, "lab", "break", "calgary", "down")
	eventually(t, "udp left calgary", patience, l.answered(w, westUDP, "vancouver", "ottawa"))
	eventually(t, "the gate refuses", patience, func() bool {
		s := l.status().Sites[0]
		return s.Gate == "closed" && s.Reflex
	})

	// A second site: automation holds back and says so.
	l.must(0, "lab", "break", "ottawa", "hang")
	eventually(t, "automation says that it holds back", patience, func() bool {
		st := l.status()
		return len(st.Advice) > 0 && st.Advice[0].Site == "ottawa" && st.Advice[0].Next != ""
	})
	if !l.answered(w, eastUDP, "ottawa", "vancouver")() {
		t.Error("one-at-a-time: ottawa left too")
	}

	// Healed: nothing comes back by itself, the operator brings it back.
	l.must(0, "lab", "heal", "ottawa")
	l.must(0, "lab", "heal", "calgary")
	eventually(t, "calgary is up", patience, func() bool {
		s := l.status().Sites[0]
		return s.Transports["udp"] == "up" && s.Transports["tcp"] == "up" && s.Transports["tls"] == "up"
	})
	if !l.answered(w, westUDP, "vancouver", "ottawa")() {
		t.Error("manual-back: calgary came back by itself")
	}
	eventually(t, "failback is accepted", patience, func() bool {
		return l.run("failback", "calgary", "--reason", "mended", "--yes").code == 0
	})
	eventually(t, "calgary is back", patience, l.answered(w, westUDP, "calgary", "vancouver", "ottawa"))
	if c := w.Counts(); c.Unanswered > 0 || c.Empty > 0 {
		t.Errorf("DNS: %+v", c)
	}
}

// TestLeaderKilled kills the leader in the middle of a drain: the drain is
// whole or absent, can be repeated, and no name server misses an answer.
func TestLeaderKilled(t *testing.T) {
	l := newLab(t)
	leader := l.status().Leader
	w := l.watch(5*time.Millisecond, westUDP) // 200 questions a second at each server

	drained := make(chan result, 1)
	go func() {
		drained <- runProgram(t, l.env(), "drain", "calgary", "--now", "--reason", "r", "--for", "1h", "--yes")
	}()
	l.must(0, "lab", "break", leader, "agent-kill")
	first := <-drained
	// Whatever became of the first one, repeating it does the job.
	l.must(0, "drain", "calgary", "--now", "--reason", "r", "--for", "1h", "--yes")
	var st api.Status
	eventually(t, "another agent leads", patience, func() bool {
		st = l.status()
		return st.Quorum && st.Leader != "" && st.Leader != leader
	})
	if n := len(st.Drains); n != 1 {
		t.Errorf("%d drains after a repeated one (the first ended with code %d)", n, first.code)
	}
	l.must(0, "lab", "heal", leader)
	eventually(t, "the killed agent answers the drain too", patience, l.answered(w, westUDP, "vancouver", "ottawa"))
	for _, c := range w.Changes(time.Time{}) {
		if len(c.To) == 0 {
			t.Errorf("%s answered nothing", c.Server)
		}
	}
	killed := slices.Index([]string{"calgary", "ottawa", "vancouver"}, leader)
	perServer := w.CountsOf(l.servers()[(killed+1)%3])
	if perServer.Unanswered > 0 || perServer.Empty > 0 || perServer.Asked < 100 {
		t.Errorf("a surviving name server: %+v", perServer)
	}
}

// TestEverythingKilled kills all processes and starts again on the same
// directory: the same answers, the same intents, no older epoch.
func TestEverythingKilled(t *testing.T) {
	l := newLab(t)
	l.must(0, "drain", "calgary", "--now", "--transport", "tls", "--reason", "certificate", "--for", "1h", "--yes")
	before := l.status()
	l.kill()
	if r := l.run("status"); r.code != 4 {
		t.Errorf("status without agents: exit code %d, want 4: %s", r.code, r.err)
	}
	l.up()
	after := l.status()
	if after.Epoch < before.Epoch {
		t.Errorf("epoch %d after %d", after.Epoch, before.Epoch)
	}
	if len(after.Drains) != 1 || after.Drains[0].Reason != "certificate" || after.Drains[0].Transport != "tls" {
		t.Errorf("drains after the restart: %+v", after.Drains)
	}
	w := l.watch(10*time.Millisecond, westTLS, westUDP)
	eventually(t, "the same answers", patience, l.answered(w, westTLS, "vancouver", "ottawa"))
	eventually(t, "the same answers", patience, l.answered(w, westUDP, "calgary", "vancouver", "ottawa"))
}

// TestPartition cuts agents off: the rest goes on, the cut-off one answers what
// it knew and changes nothing.
func TestPartition(t *testing.T) {
	l := newLab(t)
	w := l.watch(10*time.Millisecond, westUDP)
	eventually(t, "all answer", patience, l.answered(w, westUDP, "calgary", "vancouver", "ottawa"))
	l.must(0, "lab", "break", "vancouver", "partition")
	r := l.run("drain", "calgary", "--now", "--reason", "r", "--for", "1h", "--yes")
	if r.code != 0 {
		t.Fatalf("drain with two of three agents: exit code %d\n%s", r.code, r.err)
	}
	if !strings.Contains(r.err, "not seen on vancouver") {
		t.Errorf("the agent that was not reached is not named: %s", r.err)
	}
	cut := filepath.Join(t.TempDir(), "client.yaml")
	text := "format: 1\nagents: [{name: vancouver, api: \"https://" + l.place(2).API.String() + "\"}]\n" +
		"ca: " + filepath.Join(l.dir, "data", "vancouver", "pki", "ca.pem") + "\ntoken: " + filepath.Join(l.dir, "operator.token") + "\n"
	if err := os.WriteFile(cut, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := l.run("undrain", "calgary", "--yes", "--config", cut); r.code != 4 || !strings.Contains(r.err, "no quorum") {
		t.Errorf("a change at the cut-off agent: exit code %d, want 4: %s", r.code, r.err)
	}
	if a := w.Now(l.servers()[2], westUDP+".voice.example.net."); len(a) != 3 {
		t.Errorf("the cut-off name server answers %v", a)
	}
	l.must(0, "lab", "heal", "vancouver")
	eventually(t, "vancouver follows", patience, l.answered(w, westUDP, "vancouver", "ottawa"))
	if c := w.Counts(); c.Unanswered > 0 || c.Empty > 0 {
		t.Errorf("DNS: %+v", c)
	}
}
