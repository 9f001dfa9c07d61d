package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// TestKilledAgentsLoseNothing kills agents, as kill -9 does, while changes are
// on their way, and finds every change that was acknowledged, on an agent of
// every site, in the order in which they were made. SIPSTEER_KILLS sets how
// often; make crash does it 500 times.
func TestKilledAgentsLoseNothing(t *testing.T) {
	kills := 30
	if s := os.Getenv("SIPSTEER_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	l := newLab(t)
	random := rand.New(rand.NewPCG(1, 2))
	sites := []string{"calgary", "ottawa", "vancouver"}
	pids := map[string]bool{}
	var acknowledged []string
	for i := range kills {
		reason := fmt.Sprintf("change-%04d", i)
		done := make(chan result, 1)
		go func() { done <- l.run("hold", "--reason", reason, "--for", "1h", "--yes") }()
		site := sites[random.IntN(len(sites))]
		if r := l.run("lab", "break", site, "agent-kill"); r.code != 0 {
			t.Fatalf("kill %d: %s", i, r.err)
		}
		pids[site] = true
		if r := <-done; r.code == 0 {
			acknowledged = append(acknowledged, reason)
		}
		if r := l.run("lab", "heal", site); r.code != 0 {
			t.Fatalf("heal %d: %s", i, r.err)
		}
	}
	if len(pids) < 3 || len(acknowledged) < kills/3 {
		t.Fatalf("void: %d of %d changes acknowledged, killed at %v", len(acknowledged), kills, pids)
	}
	eventually(t, "all agents agree", 30*time.Second, func() bool {
		st := l.status()
		return st.Quorum && !slices.ContainsFunc(st.Agents, func(a api.AgentStatus) bool { return !a.Reachable || a.Epoch != st.Epoch })
	})
	history := l.must(0, "history", "--limit", "500").out
	at := 0
	for _, reason := range acknowledged[max(0, len(acknowledged)-200):] { // the State keeps the last 500 events
		i := strings.Index(history[at:], reason)
		if i < 0 {
			t.Fatalf("%s was acknowledged and is lost, or out of order", reason)
		}
		at += i
	}
	l.must(0, "history", "--verify")
	t.Logf("%d of %d changes acknowledged over %d kills", len(acknowledged), kills, kills)
}
