package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// TestStragglerCSV: a trunk's number begins with "+", and a spreadsheet must not
// take it, nor anything worse, for a formula.
func TestStragglerCSV(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var b strings.Builder
	err := writeStragglerCSV(&b, api.StragglerList{Site: "calgary", Items: []api.Straggler{
		{AoR: "+1403@carrier.example", Trunk: true, Source: "203.0.113.1:5060", Transport: "udp", UserAgent: "=cmd|' /C calc'!A0", First: at, Last: at, Refusals: 2, Every: "30s", Reason: "long cache", Step: "call, now"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := "site,aor,kind,source,transport,user_agent,first,last,refusals,every,reason,registered_at,step,asked,answer\n" +
		"calgary,'+1403@carrier.example,trunk,203.0.113.1:5060,udp,'=cmd|' /C calc'!A0,2026-01-01T00:00:00Z,2026-01-01T00:00:00Z,2,30s,long cache,,\"call, now\",,\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// TestStragglersText: the list says why it is empty, and prints nothing of a
// stranger's that moves a terminal's cursor.
func TestStragglersText(t *testing.T) {
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for want, l := range map[string]api.StragglerList{
		"calgary is open: nobody is asked to leave": {Site: "calgary", Gate: "open"},
		"nothing of it has left":                    {Site: "calgary", Gate: "closed"},
		"none at calgary yet: old answers run out":  {Site: "calgary", Gate: "draining", Horizon: &future},
		"none at calgary\n":                         {Site: "calgary", Gate: "draining", Horizon: &past},
		"registered at ottawa: nothing":             {Site: "calgary", Items: []api.Straggler{{AoR: "a@b", UserAgent: "\x1b[2J", RegisteredAt: "ottawa", Reason: "long cache", Step: "nothing"}}},
	} {
		var b strings.Builder
		writeStragglers(&b, palette{}, l)
		if got := b.String(); !strings.Contains(got, want) || strings.Contains(got, "\x1b") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
