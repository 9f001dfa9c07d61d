package notify_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/notify"
)

// posted sends a message and returns the body that arrived.
func posted(t *testing.T, w notify.Webhook, m notify.Message) (text string, body map[string]any) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		text = string(b)
	}))
	defer srv.Close()
	w.URL = srv.URL
	if err := sender(w).Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return text, body
}

// TestFormats: each receiver gets what its documentation asks for, and nothing
// that people wrote becomes a link or calls everybody.
func TestFormats(t *testing.T) {
	m := notify.Message{
		ID: "z-7-0", Severity: "major", Subject: "[major] calgary is <!channel> *down*", Lines: []string{"[click](https://bad.example)", "a & b"},
		Topic: "incident", Thing: "inc-7", From: "voice.example.net", At: time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC),
	}
	over := m
	over.Over, over.Severity = true, "info"
	for name, c := range map[string]struct {
		format notify.Format
		m      notify.Message
		has    []string
		not    []string
	}{
		"json":      {notify.FormatJSON, m, []string{`"thing":"inc-7"`, `"over":false`, `"topic":"incident"`, `"id":"z-7-0"`}, nil},
		"slack":     {notify.FormatSlack, m, []string{`🟠 *[major] calgary is \u0026lt;!channel\u0026gt; ∗down∗*`, `\n• a \u0026amp; b`}, []string{"<!channel>", "\\u003c"}},
		"teams":     {notify.FormatTeams, m, []string{`"type":"message"`, `"contentType":"application/vnd.microsoft.card.adaptive"`, `"version":"1.4"`, `\\[click\\](https`, `🟠`}, []string{`"[click]`}},
		"pagerduty": {notify.FormatPagerDuty, m, []string{`"event_action":"trigger"`, `"dedup_key":"voice.example.net/inc-7"`, `"severity":"error"`, `"routing_key":"k"`, `"timestamp":"2026-05-04T03:00:00Z"`}, nil},
		"resolved":  {notify.FormatPagerDuty, over, []string{`"event_action":"resolve"`, `"dedup_key":"voice.example.net/inc-7"`}, nil},
		"green":     {notify.FormatSlack, over, []string{"🟢"}, []string{"🟠"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, _ := posted(t, notify.Webhook{Format: c.format, Key: "k"}, c.m)
			for _, want := range c.has {
				if !strings.Contains(text, want) {
					t.Errorf("%s\nlacks %s", text, want)
				}
			}
			for _, bad := range c.not {
				if strings.Contains(text, bad) {
					t.Errorf("%s\nhas %s", text, bad)
				}
			}
		})
	}
	if err := sender(notify.Webhook{URL: "http://127.0.0.1:1", Format: "telex"}).Send(context.Background(), m); err == nil || strings.Contains(err.Error(), "tries") {
		t.Errorf("an unknown format: %v", err)
	}
}

// TestRoutes: by severity, topic and role. That a thing is over goes to whom it
// was told, whatever its severity is then.
func TestRoutes(t *testing.T) {
	m := notify.Message{Severity: "minor", Topic: "runbook", Role: "admin"}
	over := notify.Message{Severity: "info", Topic: "incident", Over: true}
	for name, c := range map[string]struct {
		route notify.Route
		m     notify.Message
		takes bool
	}{
		"everything":       {notify.Route{}, m, true},
		"severe enough":    {notify.Route{Least: "minor"}, m, true},
		"not severe":       {notify.Route{Least: "major"}, m, false},
		"its topic":        {notify.Route{Topics: []string{"incident", "runbook"}}, m, true},
		"another topic":    {notify.Route{Topics: []string{"incident"}}, m, false},
		"its role":         {notify.Route{Roles: []string{"admin"}}, m, true},
		"another role":     {notify.Route{Roles: []string{"operator"}}, m, false},
		"nothing is asked": {notify.Route{Roles: []string{"operator", "admin"}}, notify.Message{Severity: "critical"}, false},
		"over":             {notify.Route{Least: "critical"}, over, true},
		"over, not theirs": {notify.Route{Least: "critical", Topics: []string{"runbook"}}, over, false},
	} {
		if got := c.route.Takes(c.m); got != c.takes {
			t.Errorf("%s: takes %v", name, got)
		}
	}
}
