package metrics

import (
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// series is one number over time.
type series struct {
	readings []reading // oldest first
	touched  time.Time // when the last came
	baseline health.Baseline
	latest   Reading
}

// reading is what a source said at a moment.
type reading struct {
	at         time.Time
	value, per float64
}

// value is what comes of readings; text says why when it is not known.
type value struct {
	number float64
	known  bool
	text   string
}

const (
	// spacing is the least time between two readings that are kept: under
	// suspicion a check is asked every 250 ms, and that must not outweigh what
	// was read before.
	spacing = time.Second
	// leastAttempts must have been made before a ratio of counters says
	// anything: one failed call of two is no ratio.
	leastAttempts = 20
)

// take adds a reading and returns the number: of a level the median over the
// window, of a counter its growth over it.
func (s *series) take(r reading, n *fleet.Number, over time.Duration, keep bool) value {
	if last := len(s.readings) - 1; last >= 0 && n.Counter && (r.value < s.readings[last].value || r.per < s.readings[last].per) {
		s.readings = s.readings[:0] // the softswitch has begun to count anew
	}
	// One reading from before the window is needed for its beginning.
	for len(s.readings) > 1 && r.at.Sub(s.readings[1].at) >= over {
		s.readings = s.readings[1:]
	}
	if last := len(s.readings) - 1; last >= 0 && r.at.Sub(s.readings[last].at) < spacing {
		return s.number(n, over, r)
	}
	s.readings = append(s.readings, r)
	if keep {
		s.touched = r.at
	}
	return s.number(n, over, r)
}

func (s *series) number(n *fleet.Number, over time.Duration, now reading) value {
	if n.Counter {
		return s.growth(n, over, now)
	}
	var levels []float64
	for _, r := range s.readings {
		switch {
		case now.at.Sub(r.at) > over:
		case n.Per == "":
			levels = append(levels, r.value)
		case r.per != 0:
			levels = append(levels, r.value/r.per)
		}
	}
	if len(levels) == 0 {
		return value{text: "nothing to divide by"}
	}
	slices.Sort(levels)
	return value{number: (levels[(len(levels)-1)/2] + levels[len(levels)/2]) / 2, known: true}
}

func (s *series) growth(n *fleet.Number, over time.Duration, now reading) value {
	from := s.readings[0]
	took := now.at.Sub(from.at)
	if took < over/2 {
		return value{text: fmt.Sprintf("counted for %s of %s", took.Round(time.Second), over)}
	}
	if n.Per == "" {
		return value{number: (now.value - from.value) / took.Seconds(), known: true}
	}
	if attempts := now.per - from.per; attempts < leastAttempts {
		return value{text: fmt.Sprintf("only %s in %s", figure(attempts), took.Round(time.Second))}
	}
	return value{number: (now.value - from.value) / (now.per - from.per), known: true}
}

// judgeAndLearn takes a reading in, says what is wrong with the number, and
// learns it unless the site is not as usual.
func (s *series) judgeAndLearn(c health.Check, r reading, n *fleet.Number, over time.Duration, unusual string) Judgement {
	v := s.take(r, n, over, true)
	j := s.judge(n, v, r.at, unusual)
	s.latest = Reading{Check: c, Number: n.Name, Judgement: j}
	if n.Usual != "" && v.known && unusual == "" {
		s.baseline.Learn(r.at, v.number)
	}
	return j
}

// judge says what is wrong with a number.
func (s *series) judge(n *fleet.Number, v value, now time.Time, unusual string) Judgement {
	if !v.known {
		return Judgement{Text: "is not known yet: " + v.text}
	}
	j := Judgement{Known: true, Value: v.number, Text: figure(v.number)}
	switch {
	case n.Min != nil && v.number < *n.Min:
		j.Cause, j.Text = health.CauseLimit, fmt.Sprintf("is %s, below its limit of %s", figure(v.number), figure(*n.Min))
		return j
	case n.Max != nil && v.number > *n.Max:
		j.Cause, j.Text = health.CauseLimit, fmt.Sprintf("is %s, above its limit of %s", figure(v.number), figure(*n.Max))
		return j
	case n.Usual == "":
		return j
	case unusual != "":
		j.Text += " (not compared: " + unusual + ")"
		return j
	}
	return s.compare(n, j, now)
}

// compare holds a number against what is usual.
func (s *series) compare(n *fleet.Number, j Judgement, now time.Time) Judgement {
	e := s.baseline.Expect(now)
	if !e.Known() {
		j.Text += fmt.Sprintf(" (learning: %d of %d weeks)", e.Weeks, health.LearnWeeks)
		return j
	}
	j.Compared, j.Expected = true, e.Median
	j.Least, j.Most = e.Limits(health.Tolerance{Share: n.Tolerance, Counts: n.Per == "" && !n.Counter})
	when := now.UTC().Format("Mon 15:04 UTC")
	switch {
	case n.Usual != fleet.UsualHigh && j.Value < j.Least:
		j.Cause = health.CauseLow
		j.Text = fmt.Sprintf("is %s, abnormally low: %s is usual on %s, the limit is %s", figure(j.Value), figure(e.Median), when, figure(j.Least))
	case n.Usual != fleet.UsualLow && j.Value > j.Most:
		j.Cause = health.CauseHigh
		j.Text = fmt.Sprintf("is %s, abnormally high: %s is usual on %s, the limit is %s", figure(j.Value), figure(e.Median), when, figure(j.Most))
	default:
		j.Text += fmt.Sprintf(" (usual: %s)", figure(e.Median))
	}
	return j
}
