package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestPushText: what came of a push is said of each device, and nothing that a
// stranger wrote moves a terminal's cursor.
func TestPushText(t *testing.T) {
	at := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
	result := api.Result{Events: []steer.Event{{Text: "3 devices are asked"}}, Push: &api.PushAnswer{Asked: 2, Skipped: []api.PushSkip{{AoR: "c@d\x1b[2J", Source: "203.0.113.9:5060", Why: "its address is only claimed"}}}}
	for want, out := range map[string]pushed{
		"nobody to ask": {},
		"3 devices are asked\nc@d\uFFFD[2J from 203.0.113.9:5060 is not asked: its address is only claimed\n":                                  {Result: result},
		"DEVICE  SOURCE             ASKED (UTC)  SAID\na@b     203.0.113.7:5060  08:00:00     489\n1 of the 2 that were asked do not come any": {Result: result, Devices: []api.Straggler{{AoR: "a@b", Source: "203.0.113.7:5060", Asked: &at, Answer: "489"}}},
	} {
		var b strings.Builder
		writePush(&b, palette{}, out)
		if got := b.String(); !strings.Contains(strings.Join(strings.Fields(got), " "), strings.Join(strings.Fields(want), " ")) || strings.Contains(got, "\x1b") {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
