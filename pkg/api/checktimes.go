package api

import (
	"maps"
	"slices"
	"time"
)

// AnswerTimes is the histogram of how long the answers to a check took, since the
// agent asks it.
type AnswerTimes struct {
	Answers uint64       `json:"answers" doc:"How many answers there were, good or bad; what never answered is none."`
	Mean    float64      `json:"mean_ms"`
	Within  []AnswerTime `json:"within" doc:"By time, ascending; what is missing to answers took longer than the last."`
}

// AnswerTime is one bound of the histogram.
type AnswerTime struct {
	Most  float64 `json:"most_ms"`
	Count uint64  `json:"count" doc:"Answers that took at most so long, shorter ones included."`
}

// Share returns the bound, in milliseconds, that a share of the answers did not
// exceed; false when that is beyond the last bound, or nobody answered.
func (t *AnswerTimes) Share(share float64) (float64, bool) {
	for _, w := range t.Within {
		if t.Answers > 0 && float64(w.Count) >= share*float64(t.Answers) {
			return w.Most, true
		}
	}
	return 0, false
}

// NewAnswerTimes makes a histogram of counts by bound, each with those below it.
func NewAnswerTimes(answers uint64, sum time.Duration, within map[time.Duration]uint64) *AnswerTimes {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	t := &AnswerTimes{Answers: answers, Within: make([]AnswerTime, 0, len(within))}
	if answers > 0 {
		t.Mean = ms(sum / time.Duration(answers))
	}
	for _, b := range slices.Sorted(maps.Keys(within)) {
		t.Within = append(t.Within, AnswerTime{ms(b), within[b]})
	}
	return t
}
