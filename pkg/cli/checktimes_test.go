package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// TestTimesOfAnswers: shares by bound, one column for each, and what was too slow
// for all of them.
func TestTimesOfAnswers(t *testing.T) {
	bounds := []time.Duration{time.Millisecond, 5 * time.Millisecond, 10 * time.Second}
	times := func(answers uint64, within ...uint64) *api.AnswerTimes {
		m := map[time.Duration]uint64{}
		for i, b := range bounds {
			if m[b] = 0; i < len(within) {
				m[b] = within[i]
			}
		}
		return api.NewAnswerTimes(answers, time.Duration(answers)*3*time.Millisecond, m)
	}
	check := func(site fleet.SiteID, at *api.AnswerTimes) api.CheckSeen {
		return api.CheckSeen{Check: health.Check{Target: health.Target{Site: site, Switch: "a", Transport: fleet.UDP}, Kind: health.Options}, Times: at}
	}
	var out bytes.Buffer
	a := &app{streams: Streams{Out: &out}}
	a.writeCheckTimes([]api.AgentChecks{{Agent: "cgy", Checks: []api.CheckSeen{
		check("calgary", times(1000, 10, 960, 995)), check("ottawa", times(0)), check("vancouver", nil), check("halifax", times(4, 0, 0, 1)),
	}}})
	got := out.String()
	for _, want := range []string{
		"calgary  a           udp   options  cgy      1000     ≤ 5ms   ≤ 5ms  ≤ 10s  │▁█▁▁│\n",
		"halifax  a           udp   options  cgy      4        > 10s   > 10s  > 10s  │  ▃█│\n",
		"up to 1ms … 10s",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("printed\n%s\nwithout %q", got, want)
		}
	}
	if strings.Contains(got, "ottawa") || strings.Contains(got, "vancouver") {
		t.Errorf("who never answered has times:\n%s", got)
	}
	if m := times(4, 1, 2, 4).Mean; m != 3 {
		t.Errorf("mean %v", m)
	}
	out.Reset()
	if a.writeCheckTimes(nil); out.String() != "No answers were timed yet.\n" {
		t.Errorf("%q", out.String())
	}
}
