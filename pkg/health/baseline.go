package health

import (
	"math"
	"slices"
	"time"
)

// hoursOfWeek is how many slots a Baseline has. The first is the hour that
// began the Unix epoch, a Thursday; all are UTC.
const hoursOfWeek = 7 * 24

const (
	// keptWeeks bounds what a Baseline remembers of each hour: long enough that
	// one bad week is outvoted, short enough to follow a fleet that grows.
	keptWeeks = 8
	// LearnWeeks is how many weeks of an hour must be known before anything is
	// expected of it. With fewer, one bad week would be half of the truth.
	LearnWeeks = 3
	// leastMinutes of an hour must have brought a number, or it teaches nothing.
	leastMinutes = 30
)

// Baseline is what one number usually is at each hour of the week. It keeps the
// median of every hour, for some weeks; an outage in one of them is outvoted by
// the others. The zero value knows nothing. It has no clock: whoever learns
// says when it was.
type Baseline struct {
	// Hours are the medians of each hour of the week, oldest first.
	Hours [hoursOfWeek][]float64 `json:"hours"`
	// Hour and Minute are what is being gathered, counted from the Unix epoch.
	Hour   int64 `json:"hour"`
	Minute int64 `json:"minute"`
	// Minutes are the numbers of that hour, one for each minute.
	Minutes []float64 `json:"minutes,omitempty"`
}

// Learn takes a number in; of each minute only the first counts. What comes
// from before the last one is not learnt: a clock that goes back must not count
// hours twice. When it went back by more than an hour, it was ahead before: what
// was gathered there is dropped.
func (b *Baseline) Learn(at time.Time, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	minute := at.Unix() / 60
	if minute < b.Minute-60 {
		b.Minute, b.Hour, b.Minutes = minute-1, minute/60, nil
	}
	if minute <= b.Minute {
		return
	}
	if hour := minute / 60; hour != b.Hour {
		b.close()
		b.Hour, b.Minutes = hour, b.Minutes[:0]
	}
	b.Minute = minute
	b.Minutes = append(b.Minutes, v)
}

// close turns the gathered minutes into one hour of one week.
func (b *Baseline) close() {
	if len(b.Minutes) < leastMinutes {
		return
	}
	slot := &b.Hours[b.Hour%hoursOfWeek]
	*slot = append(*slot, median(b.Minutes))
	if over := len(*slot) - keptWeeks; over > 0 {
		*slot = slices.Delete(*slot, 0, over)
	}
}

// Expected is what a Baseline says about a moment.
type Expected struct {
	Weeks int // known of this hour; below LearnWeeks nothing is expected
	// Median of these weeks. Between the middles of two hours it goes straight
	// from one to the other.
	Median float64
	// Low and High are the medians of these two hours. Where a day begins or
	// ends, the truth is anywhere between them.
	Low, High float64
	// Deviation is the median absolute deviation, scaled to be one standard
	// deviation if the weeks were normally distributed.
	Deviation float64
}

// Known reports whether enough weeks were seen.
func (e Expected) Known() bool { return e.Weeks >= LearnWeeks }

// madScale makes the median absolute deviation comparable to a standard one.
const madScale = 1.4826

// Expect says what is usual at a moment.
func (b *Baseline) Expect(at time.Time) Expected {
	sinceMiddle := at.Unix() - 30*60
	hour, part := sinceMiddle/3600, float64(sinceMiddle%3600)/3600
	before, after := b.Hours[hour%hoursOfWeek], b.Hours[(hour+1)%hoursOfWeek]
	e := Expected{Weeks: min(len(before), len(after))}
	if e.Weeks == 0 {
		return e
	}
	m, n := median(before), median(after)
	e.Median, e.Low, e.High = (1-part)*m+part*n, min(m, n), max(m, n)
	e.Deviation = madScale * max(deviation(before), deviation(after))
	return e
}

// median returns the middle of the numbers, which are not changed.
func median(numbers []float64) float64 {
	sorted := slices.Sorted(slices.Values(numbers))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// deviation returns the median absolute deviation.
func deviation(numbers []float64) float64 {
	m := median(numbers)
	off := make([]float64, len(numbers))
	for i, v := range numbers {
		off[i] = math.Abs(v - m)
	}
	return median(off)
}

// Tolerance is how far from the usual a number may be.
type Tolerance struct {
	// Share of the expected number. Default DefaultShare.
	Share float64
	// Counts says that the number counts independent things such as calls. Then
	// small ones scatter: two calls instead of five are nothing at night.
	Counts bool
}

const (
	// DefaultShare is how far from the usual is normal: a cold day, a match on
	// television.
	DefaultShare = 0.4
	// manyDeviations is how often the usual scatter a number may be off.
	manyDeviations = 4
)

// Limits returns the least and the most that pass for usual. The least is never
// below zero, where nothing is below it.
func (e Expected) Limits(t Tolerance) (least, most float64) {
	return max(0, e.Low-e.slack(e.Low, t)), e.High + e.slack(e.High, t)
}

func (e Expected) slack(usual float64, t Tolerance) float64 {
	share := t.Share
	if share <= 0 {
		share = DefaultShare
	}
	slack := max(manyDeviations*e.Deviation, share*math.Abs(usual))
	if t.Counts {
		// Counted things scatter by the root of their number (Poisson).
		slack = max(slack, manyDeviations*math.Sqrt(math.Abs(usual)))
	}
	return slack
}
