package probes

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// tookBounds are the upper bounds of a histogram of response times.
var tookBounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// tally counts what came of one check since it is asked.
type tally struct {
	took     [len(tookBounds)]uint64 // answers by the first bound that they do not exceed
	answers  uint64
	sum      time.Duration
	outcomes [3]uint64 // by health.Outcome
}

func (t *tally) add(res Result) {
	t.outcomes[res.Outcome]++
	if res.RTT <= 0 {
		return
	}
	t.answers++
	t.sum += res.RTT
	for i, bound := range tookBounds {
		if res.RTT <= bound {
			t.took[i]++
			return
		}
	}
}

// CheckStats is what was counted of one check.
type CheckStats struct {
	Check  health.Check
	Status health.Status
	// Answers took Sum together; Within counts those that took at most so long.
	Answers uint64
	Sum     time.Duration
	Within  map[time.Duration]uint64
	// Successes, Failures and NoData are results.
	Successes, Failures, NoData uint64
	// Numbers are what the last answer told of itself, by name.
	Numbers map[string]float64
	// Ends is when the first of the certificates ends that were shown last.
	Ends Ending
}

// CheckStats returns what was counted of every check that is asked, ordered by
// check.
func (r *Runner) CheckStats() []CheckStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []CheckStats
	for _, c := range r.sorted() {
		if c.prober == nil {
			continue
		}
		s := CheckStats{
			Check: c.spec.Check, Status: c.counter.Status(), Answers: c.tally.answers, Sum: c.tally.sum, Within: make(map[time.Duration]uint64, len(tookBounds)),
			Successes: c.tally.outcomes[health.Success], Failures: c.tally.outcomes[health.Failure], NoData: c.tally.outcomes[health.NoData],
			Numbers: c.numbers, // never changed in place
			Ends:    c.ends,
		}
		below := uint64(0)
		for i, bound := range tookBounds {
			below += c.tally.took[i]
			s.Within[bound] = below
		}
		all = append(all, s)
	}
	return all
}

// Bounds of a transcript that is kept as evidence: of ten thousand checks that
// fail together it must not fill the memory.
const (
	maxEvidenceLines = 24
	maxEvidenceText  = 2 << 10 // of one line
)

// Evidence returns what went over the wire when the check failed last, and when
// that was; nil when it was not written down. A check is written down from its first failure on,
// until it answers well again, so the failure that began it is not among them.
func (r *Runner) Evidence(id health.Check) ([]wire.Line, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.checks[id]; c != nil {
		return c.evidence, c.failed
	}
	return nil, time.Time{}
}

// evidence bounds a transcript.
func evidence(t *Transcript) []wire.Line {
	lines := t.Lines()
	lines = append([]wire.Line(nil), lines[:min(len(lines), maxEvidenceLines)]...)
	for i := range lines {
		if len(lines[i].Text) > maxEvidenceText {
			lines[i].Text = lines[i].Text[:maxEvidenceText] + "…"
		}
	}
	return lines
}
