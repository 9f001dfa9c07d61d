package agent

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestWebhookStep: what a webhook answers, or does not, ends the step or lets it be
// tried again while there are tries left. It never hangs longer than its limit.
func TestWebhookStep(t *testing.T) {
	type call struct{ key, body string }
	calls := make(chan call, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/status/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- call{r.Header.Get("Idempotency-Key"), string(body)}
		status := map[string]int{"ok": 204, "moved": 302, "gone": 404, "busy": 429, "broken": 500}[strings.TrimPrefix(r.URL.Path, "/status/")]
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		w.WriteHeader(status)
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the end of the request is not seen
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	a := &Agent{cfg: Config{Outward: Outward{Webhooks: []string{server.URL}}}}
	const again = steer.RunMove("")
	for name, c := range map[string]struct {
		url     string
		attempt int
		limit   time.Duration
		want    steer.RunMove
		says    string
		called  bool
	}{
		"taken":                  {server.URL + "/status/ok", 1, time.Minute, steer.MoveDone, "", true},
		"500, tries left":        {server.URL + "/status/broken", 1, time.Minute, again, "status 500", true},
		"500, the last try":      {server.URL + "/status/broken", 3, time.Minute, steer.MoveFail, "status 500, after 3 tries", true},
		"too many requests":      {server.URL + "/status/busy", 1, time.Minute, again, "status 429", true},
		"unknown there":          {server.URL + "/status/gone", 1, time.Minute, steer.MoveFail, "status 404", true},
		"sent elsewhere":         {server.URL + "/status/moved", 1, time.Minute, steer.MoveFail, "status 302", true},
		"hangs, tries left":      {server.URL + "/hang", 1, 50 * time.Millisecond, again, "no answer", false},
		"hangs, the last try":    {server.URL + "/hang", 3, 50 * time.Millisecond, steer.MoveFail, "after 3 tries", false},
		"not allowed":            {"http://127.0.0.1:1/status/ok", 1, time.Minute, steer.MoveFail, "outward.webhooks", false},
		"a host that only looks": {server.URL + ".example.net/ok", 1, time.Minute, steer.MoveFail, "outward.webhooks", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, says := a.errand(t.Context(), runbook.Errand{
				Run: "run-7", Step: "tell", Attempt: c.attempt, What: steer.Step{Do: steer.ActWebhook, URL: c.url, Text: "calgary leaves", Limit: fleet.Duration(c.limit), Tries: 3},
			})
			if got != c.want || !strings.Contains(says, c.says) {
				t.Errorf("%q, %s", got, says)
			}
			select {
			case x := <-calls:
				if !c.called || x.key != "run-7/tell" || !strings.Contains(x.body, "calgary leaves") {
					t.Errorf("called with %+v", x)
				}
			default:
				if c.called {
					t.Error("nobody was called")
				}
			}
		})
	}
}

// TestExecStep: a program is started only if the agent's file names it, is told the
// run and the step, and is killed when its time is over.
func TestExecStep(t *testing.T) {
	a := &Agent{cfg: Config{Outward: Outward{Exec: []string{"/bin/sh", "/no/such/program"}}}}
	for name, c := range map[string]struct {
		command []string
		limit   time.Duration
		want    steer.RunMove
		says    string
	}{
		"well":            {[]string{"/bin/sh", "-c", `test "$SIPSTEER_RUN/$SIPSTEER_STEP" = run-7/tell && test "$SIPSTEER_KEY" = run-7/tell`}, time.Minute, steer.MoveDone, ""},
		"fails":           {[]string{"/bin/sh", "-c", `printf 'no\033[2Jspace'; exit 3`}, time.Minute, steer.MoveFail, `exit status 3: "no\x1b[2Jspace"`},
		"does not end":    {[]string{"/bin/sh", "-c", "while :; do :; done"}, 50 * time.Millisecond, steer.MoveFail, "did not end within 50ms and was killed"},
		"is not there":    {[]string{"/no/such/program"}, time.Minute, steer.MoveFail, "no such file"},
		"is not allowed":  {[]string{"/bin/true"}, time.Minute, steer.MoveFail, "outward.exec"},
		"by another path": {[]string{"/bin/../bin/sh"}, time.Minute, steer.MoveFail, "outward.exec"},
	} {
		t.Run(name, func(t *testing.T) {
			got, says := a.errand(t.Context(), runbook.Errand{
				Run: "run-7", Step: "tell", Attempt: 1, What: steer.Step{Do: steer.ActExec, Command: c.command, Limit: fleet.Duration(c.limit), Tries: 1},
			})
			if got != c.want || !strings.Contains(says, c.says) {
				t.Errorf("%q, %s", got, says)
			}
		})
	}
}
