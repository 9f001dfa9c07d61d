package agent

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/notify"
)

// TestWhatSteersNothingIsShownAndTold: a softswitch's number is wrong. Nothing
// moves; status names it, people are told, and told again when it is good.
func TestWhatSteersNothingIsShownAndTold(t *testing.T) {
	var calls atomic.Int64
	softswitch := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"calls": %d}`, calls.Load())
	}))
	defer softswitch.Close()
	addr := netip.MustParseAddrPort(softswitch.Listener.Addr().String())
	p := &people{lines: map[string]int{}}
	srv := httptest.NewServer(p)
	defer srv.Close()
	least := 5.0
	w := newWorld(t, func(c *Config) {
		c.Fleet.Checks.Interval, c.Fleet.Checks.Timeout, c.Fleet.Checks.Burst = 300e6, 200e6, 50e6
		sw := &c.Fleet.Site("calgary").Softswitches[0]
		sw.Listeners[0].Address = netip.AddrPortFrom(addr.Addr(), 5060)
		c.Fleet.Checks.Extra = []fleet.Extra{{
			Name: "traffic", Kind: "metrics", Source: "json", Port: addr.Port(), Softswitches: []fleet.SwitchID{sw.Name}, Rise: 1, Over: fleet.Duration(5 * time.Second),
			Numbers: []fleet.Number{{Name: "calls", Metric: "calls", Min: &least, Usual: fleet.UsualLow}},
		}, {Name: "disk", Kind: "exec", Run: "disk", Steers: true, Interval: fleet.Duration(time.Second), Timeout: fleet.Duration(time.Second)}}
		c.Commands = map[string][]string{"disk": {"/bin/sh", "-c", "echo 'OK|free=5GB'"}}
		c.Notify = Notify{Sender: notify.New(notify.Config{Channels: []notify.Channel{notify.Webhook{URL: srv.URL + "/people"}}, Pause: 10 * time.Millisecond})}
	})
	told := func(words string) func() bool {
		return func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			for l := range p.lines {
				if strings.Contains(l, "metrics:traffic: "+words) {
					return true
				}
			}
			return false
		}
	}
	w.eventually("people are told of the number", told("calls is 0, below its limit of 5"))
	w.eventually("another agent's status has it", func() bool {
		st, err := w.agents[2].Status(t.Context())
		return err == nil && len(st.Attention) == 1 && st.Attention[0].Agent == "calgary" && strings.Contains(st.Attention[0].Detail, "calls is 0")
	})
	w.eventually("the numbers are in the metrics, each once", func() bool {
		page := httptest.NewRecorder()
		w.agents[0].metrics().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		text := page.Body.String()
		return page.Code == http.StatusOK && strings.Contains(text, `sipsteer_number{check="metrics:traffic",number="calls",site="calgary"`) &&
			strings.Contains(text, `sipsteer_number{check="exec:disk",number="free",site="calgary"`) && strings.Contains(text, `sipsteer_check_seconds_bucket{check="exec:disk"`) &&
			strings.Contains(text, "sipsteer_late_questions_total ") && strings.Contains(text, "sipsteer_late_seconds_total ")
	})
	calls.Store(9)
	flip := time.Now()
	w.eventually("people are told that it is good again", func() bool {
		// A leader tells this only of what it has told before: if another one leads
		// since, the number must be wrong once more.
		if time.Since(flip) > 10*time.Second {
			flip = time.Now()
			calls.Store(9 - calls.Load())
		}
		return told("good again")()
	})
	w.stop(0)
	if text, err := os.ReadFile(filepath.Join(w.cfgs[0].Dir, usualFile)); err != nil || !strings.Contains(string(text), `"number":"calls"`) {
		t.Errorf("what was learnt is not kept: %v %.100s", err, text)
	}
	w.start(0)
	if !w.agents[0].numbers.Learnt() {
		t.Error("what was learnt was not read again")
	}
}
