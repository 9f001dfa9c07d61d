package agent

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// archivist is a receiver that all agents of a test send to.
type archivist struct {
	mu sync.Mutex
	// guarded by mu:
	down  bool
	lines []string
}

func (r *archivist) Send(_ context.Context, lines []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return errors.New("the disk of the log server is full")
	}
	r.lines = append(r.lines, lines...)
	return nil
}

func (r *archivist) Close() error { return nil }

func (r *archivist) set(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// of lists the log entries of the lines that hold a text, in the order in which
// they came.
func (r *archivist) of(text string) (entries []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lines {
		if strings.Contains(l, text) {
			entries = append(entries, strings.Split(l, `"`)[1])
		}
	}
	return entries
}

// TestTheAuditTrailGoesOut: once, by the agent that leads; nothing is lost while the
// receiver is dead, when the leader dies, and when all agents begin anew; no command
// waits for it.
func TestTheAuditTrailGoesOut(t *testing.T) {
	r := &archivist{}
	const to = "tls://logs.example.net:6514"
	w := newWorld(t, func(c *Config) { c.Audit = []AuditTo{{Name: to, Sender: r}} })
	w.hold(0, "first")
	count := func(reason string) int { return len(r.of(`reason="` + reason + `"`)) }
	w.eventually("the first hold", func() bool { return count("first") > 0 })

	r.set(true)
	w.hold(1, "second")
	leader := w.leader()
	w.eventually("word of the dead receiver", func() bool {
		st, err := w.agents[leader].Store(t.Context())
		if err != nil || len(st.Audit) != 1 || st.Audit[0].Problem == "" || st.Audit[0].Waiting == 0 {
			return false
		}
		return slices.ContainsFunc(findings(st, st.Audit[0].Since), func(f api.Finding) bool {
			return strings.Contains(f.Text, "the audit trail is not taken by "+to) && strings.Contains(f.Text, "disk of the log server")
		})
	})
	if text := scraped(t, w.agents[leader]); !strings.Contains(text, `sipsteer_store_audit_failed{to="`+to+`"} 1`) || strings.Contains(text, `sipsteer_store_audit_waiting{to="`+to+`"} 0`) {
		t.Errorf("the numbers say nothing of it:\n%s", text)
	}
	others := slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == leader })
	for _, i := range others {
		w.eventually("the others to know how far it came", func() bool {
			return w.agents[i].audit.target(to).Sent == w.agents[leader].audit.target(to).Sent
		})
	}
	// From here on all know that the first one was taken: it never comes again,
	// whoever leads.
	sent, first := len(r.of("index")), count("first")
	w.stop(leader)
	r.set(false)
	w.eventually("the second hold, from another leader", func() bool { return count("second") > 0 })
	w.start(leader)
	w.eventually("a leader", func() bool { return w.leader() >= 0 })
	for i := range w.agents {
		w.eventually("all to know how far it came", func() bool { return w.agents[i].audit.target(to).Sent >= w.agents[others[0]].audit.target(to).Sent })
	}
	second := count("second")
	for i := range w.agents {
		w.stop(i)
	}
	for i := range w.agents {
		w.start(i)
	}
	w.leader()
	w.hold(0, "third")
	w.eventually("the third hold", func() bool { return count("third") > 0 })
	if count("first") != first || count("second") != second || len(r.of("index")) <= sent {
		t.Errorf("first came %d times and then %d, second %d and then %d: %v", first, count("first"), second, count("second"), r.of("index"))
	}
}

// TestEveryAgentSendsItsOwn: each says by whom a line is kept.
func TestEveryAgentSendsItsOwn(t *testing.T) {
	r := &archivist{}
	w := newWorld(t, func(c *Config) { c.Audit = []AuditTo{{Name: "udp://127.0.0.1:514", Every: true, Sender: r}} })
	w.hold(0, "first")
	for _, c := range w.cfgs {
		w.eventually("the line of "+string(c.Name), func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return slices.ContainsFunc(r.lines, func(l string) bool {
				return strings.Contains(l, "Z "+string(c.Name)+" sipsteer - hold ") && strings.Contains(l, `reason="first"`)
			})
		})
	}
}

// TestPositionsOutliveTheProcess: damaged ones are taken for none, since twice is
// better than never.
func TestPositionsOutliveTheProcess(t *testing.T) {
	dir, to := t.TempDir(), []AuditTo{{Name: "a"}, {Name: "b"}}
	p := newAuditPush(dir, to, zerolog.Nop())
	p.came("a", 7)
	p.came("b", 9)
	p.came("a", 6) // of an agent that is behind
	again := newAuditPush(dir, to[:1], zerolog.Nop())
	if a := again.target("a"); a.Sent != 7 {
		t.Errorf("%+v", a)
	}
	if err := os.WriteFile(filepath.Join(dir, auditFile), []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := newAuditPush(dir, to, zerolog.Nop()).target("a"); a.Sent != 0 {
		t.Errorf("%+v", a)
	}
}

// scraped is what an agent's numbers are.
func scraped(t *testing.T, a *Agent) string {
	t.Helper()
	page := httptest.NewRecorder()
	a.metrics().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return page.Body.String()
}
