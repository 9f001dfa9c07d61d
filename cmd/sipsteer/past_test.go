package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// TestBackInTime looks at the past, brings it back, and finds a byte of it that
// was changed on one agent's disk.
func TestBackInTime(t *testing.T) {
	l := newLab(t)
	w := l.watch(10*time.Millisecond, westUDP)
	good := l.status().Epoch
	l.must(0, "drain", "calgary", "--now", "--reason", "kernel", "--for", "1h", "--yes")
	eventually(t, "calgary has left", patience, l.answered(w, westUDP, "vancouver", "ottawa"))
	drained := l.status().Epoch

	if r := l.must(0, "history", "--epochs"); !strings.Contains(r.out, "calgary left the answers") {
		t.Errorf("epochs:\n%s", r.out)
	}
	if r := l.must(0, "show", fmt.Sprint(drained)); !strings.Contains(r.out, "drain calgary") || strings.Contains(r.out, "sip.calgary") {
		t.Errorf("show:\n%s", r.out)
	}
	if r := l.must(0, "diff", fmt.Sprint(good), "now"); !strings.Contains(r.out, "+ drain calgary") || !strings.Contains(r.out, "- 10 100 5060 sip.calgary") {
		t.Errorf("diff:\n%s", r.out)
	}
	if r := l.must(0, "plan", "rollback", fmt.Sprint(good), "--reason", "too early"); !strings.Contains(r.out, "+ 10 100 5060 sip.calgary") {
		t.Errorf("plan:\n%s", r.out)
	}
	for _, bad := range [][]string{{"show", "x"}, {"show", "999999"}, {"diff", "now"}, {"rollback", "999999", "--reason", "r", "--yes"}, {"rollback", fmt.Sprint(good), "--yes"}} {
		if r := l.must(2, bad...); !strings.Contains(r.err, "hint") {
			t.Errorf("%v: %s", bad, r.err)
		}
	}
	r := l.must(0, "rollback", fmt.Sprint(good), "--reason", "too early", "--yes", "--json")
	var res api.Result
	if err := json.Unmarshal([]byte(r.out), &res); err != nil || res.Epoch <= drained || len(res.Reached) != 3 {
		t.Fatalf("rollback: %v %+v", err, res)
	}
	eventually(t, "calgary is back", patience, l.answered(w, westUDP, "calgary", "vancouver", "ottawa"))
	l.exported()
	eventually(t, "verified", patience, func() bool { return l.run("history", "--verify").code == 0 })

	// One octet of one file of one agent, changed behind its back.
	file := filepath.Join(l.dir, "data", "ottawa", "history", "0000000000000001.past")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	harmed := bytes.Clone(whole)
	harmed[len(harmed)/2] ^= 1
	if err := os.WriteFile(file, harmed, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := l.must(1, "history", "--verify"); !strings.Contains(r.out, "ottawa: damaged: ") || !strings.Contains(r.out, file) || strings.Contains(r.out, "calgary: damaged") {
		t.Errorf("verify:\n%s", r.out)
	}
}

// exported writes the audit trail as it is kept: who, from where and why, with the
// chain of hashes, in pages, and as syslog.
func (l *testLab) exported() {
	t := l.t
	t.Helper()
	type line struct {
		Index  uint64
		Chain  string
		Kind   string
		By     string
		From   string
		Reason string
	}
	var drain line
	lines := strings.Split(strings.TrimSpace(l.must(0, "history", "--export", "jsonl").out), "\n")
	for i, text := range lines {
		var x line
		if err := json.Unmarshal([]byte(text), &x); err != nil || x.Index == 0 || len(x.Chain) != 64 {
			t.Fatalf("line %d: %v: %s", i, err, text)
		}
		if x.Kind == "drain" && drain.Kind == "" {
			drain = x
		}
	}
	if !strings.HasPrefix(drain.By, "tester") || drain.From == "" || drain.Reason != "kernel" {
		t.Errorf("the drain: %+v", drain)
	}
	rest := strings.Split(strings.TrimSpace(l.must(0, "history", "--export", "syslog", "--after", fmt.Sprint(drain.Index)).out), "\n")
	if len(rest) >= len(lines) || !strings.Contains(rest[0], ">1 20") || !strings.Contains(rest[0], `chain="`) {
		t.Errorf("%d of %d lines after the drain, the first: %s", len(rest), len(lines), rest[0])
	}
}
