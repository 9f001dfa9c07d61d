package agent

import (
	"strings"
	"testing"
)

// The times of the log's writes are there as a histogram: quantiles since the
// start say nothing of the last five minutes, nor of all agents together.
func TestStoreTimesAreHistograms(t *testing.T) {
	w := newWorld(t, nil)
	w.hold(w.leader(), "to write something")
	text := scraped(t, w.agents[0])
	for _, line := range []string{
		"# TYPE sipsteer_store_duration_seconds histogram",
		`sipsteer_store_duration_seconds_bucket{what="write",le="+Inf"} `,
		`sipsteer_store_duration_seconds_bucket{what="apply",le="1.6384e-05"} `,
		`sipsteer_store_duration_seconds_sum{what="write"} `,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s", line)
		}
	}
	if strings.Contains(text, `sipsteer_store_duration_seconds_count{what="write"} 0`) {
		t.Error("nothing was written")
	}
}
