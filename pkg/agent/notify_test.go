package agent

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/notify"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// people is where messages and heartbeats arrive.
type people struct {
	mu        sync.Mutex
	lines     map[string]int
	reminders int
	beats     int
}

func (p *people) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var m struct {
		Subject string   `json:"subject"`
		Lines   []string `json:"lines"`
	}
	_ = json.NewDecoder(r.Body).Decode(&m)
	switch {
	case r.URL.Path == "/beat":
		p.beats++
	case strings.Contains(m.Subject, "nobody has taken it over"):
		p.reminders++
	default:
		for _, l := range m.Lines {
			p.lines[l]++
		}
	}
}

func (p *people) count() (lines, reminders, beats int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines), p.reminders, p.beats
}

// TestPeopleAreTold: nothing answers at the softswitches of this fleet, so
// incidents open by themselves. They are told, repeated until somebody takes
// them over, and stand on every agent's status page.
func TestPeopleAreTold(t *testing.T) {
	p := &people{lines: map[string]int{}}
	srv := httptest.NewServer(p)
	defer srv.Close()
	pages := t.TempDir()
	w := newWorld(t, func(c *Config) {
		c.Fleet.Checks.Interval, c.Fleet.Checks.Timeout, c.Fleet.Checks.Burst = 300e6, 100e6, 50e6
		c.Notify = Notify{
			Sender: notify.New(notify.Config{Channels: []notify.Channel{notify.Webhook{URL: srv.URL + "/people"}}, Pause: 10 * time.Millisecond}),
			Group:  50 * time.Millisecond, Repeat: 300 * time.Millisecond, Heartbeat: srv.URL + "/beat", Every: 100 * time.Millisecond,
		}
		c.StatusPage = StatusPage{Dir: filepath.Join(pages, string(c.Name)), Brand: "Example Voice", Address: "https://status.example.net/"}
		if err := os.MkdirAll(c.StatusPage.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
	})
	w.eventually("an incident is told, repeated, and the heart beats", func() bool {
		lines, reminders, beats := p.count()
		return lines > 0 && reminders > 1 && beats > 1
	})
	w.eventually("every agent's page says it", func() bool {
		for _, c := range w.cfgs {
			for _, name := range []string{"index.html", "index.fr.html", "status.json", "feed.atom"} {
				text, err := os.ReadFile(filepath.Join(c.StatusPage.Dir, name))
				if err != nil || !strings.Contains(string(text), "inc-") {
					return false
				}
			}
		}
		return true
	})
	told := func() bool {
		s := w.agents[w.leader()].machine.State()
		return !worthTelling(s)
	}
	w.eventually("all that happened is told", told)
	w.eventually("a person takes the incidents over", func() bool {
		for _, in := range w.agents[w.leader()].machine.State().Incidents {
			if !in.Open() || in.Owner != "" {
				continue
			}
			req := api.CommandRequest{Kind: string(steer.KindIncidentDeclare), By: "alice", Incident: &api.IncidentChange{ID: in.ID}}
			if _, err := w.agents[w.leader()].Do(t.Context(), req, false); err != nil {
				return false
			}
		}
		return true
	})
}

func TestTheStatusPageNeedsItsDirectory(t *testing.T) {
	if err := (StatusPage{Dir: filepath.Join(t.TempDir(), "missing")}).write(steer.New(), time.Now()); err == nil {
		t.Fatal("a page was written nowhere")
	}
}
