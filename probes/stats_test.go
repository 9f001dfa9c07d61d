package probes_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

// TestWhatIsCounted: results, and how long answers took.
func TestWhatIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		check := checksOf("calgary")[0]
		r := running(t, labConfig(w), []health.Check{check})
		time.Sleep(10 * time.Second)
		w.set(closed, all, check)
		time.Sleep(5 * time.Second)
		s := r.CheckStats()
		if len(s) != 1 || s[0].Check != check || s[0].Status != health.Down {
			t.Fatalf("%+v", s)
		}
		if s[0].Successes < 9 || s[0].Failures < 3 || s[0].Answers != s[0].Successes || s[0].Sum != time.Duration(s[0].Answers)*answerTime {
			t.Errorf("%+v", s[0])
		}
		if s[0].Within[time.Millisecond] != s[0].Answers || s[0].Within[10*time.Second] != s[0].Answers {
			t.Errorf("answers took 1 ms: %v", s[0].Within)
		}
	})
}

// TestEvidenceIsKept: what fails is written down from its second question on,
// what is well is not.
func TestEvidenceIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		checks := checksOf("calgary")[:2]
		r := running(t, labConfig(w), checks)
		time.Sleep(3 * time.Second)
		w.set(closed, func(c health.Check) bool { return c == checks[0] }, checks...)
		time.Sleep(3 * time.Second)
		if got, at := r.Evidence(checks[0]); at.IsZero() || len(got) != 1 || got[0].Direction != probes.Remarked {
			t.Errorf("%+v", got)
		}
		if got, _ := r.Evidence(checks[1]); got != nil {
			t.Errorf("of a check that is well: %+v", got)
		}
	})
}
