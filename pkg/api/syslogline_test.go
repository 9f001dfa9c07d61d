package api_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestSyslogLine: RFC 5424 to the octet; what people wrote ends neither its field
// (§6.3.3) nor the line.
func TestSyslogLine(t *testing.T) {
	r := api.AuditRecord{Agent: "calgary", Index: 7, Epoch: 3, Chain: api.Hash{0xab}}
	e := steer.Event{
		Kind: steer.EventDrain, Epoch: 3, By: "alice", From: "192.0.2.9", Site: "calgary", At: time.Date(2026, 5, 4, 3, 0, 0, 5000, time.UTC),
		Reason: "a \"b\" [c] \\d\n<0>1 forged", Text: "calgary is leaving\nthe answers",
	}
	want := `<109>1 2026-05-04T03:00:00.000005Z calgary sipsteer - drain [sipsteer@32473 index="7" chain="ab` + strings.Repeat("0", 62) +
		`" epoch="3" by="alice" from="192.0.2.9" reason="a \"b\" [c\] \\d` + "\ufffd" + `<0>1 forged" site="calgary"] ` + "\ufeffcalgary is leaving\ufffdthe answers"
	r.Events = []steer.Event{e}
	if got := r.Syslog()[0]; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	r.Events[0].Kind = steer.EventRefused
	if got := r.Syslog()[0]; !strings.HasPrefix(got, "<108>1 ") {
		t.Errorf("a refusal is no warning: %s", got)
	}
	r.Events[0].Text = strings.Repeat("é", 9000)
	if got := r.Syslog()[0]; len(got) > 8000 || len(got) < 7990 || !utf8.ValidString(got) {
		t.Errorf("a long text makes %d octets", len(got))
	}
}
