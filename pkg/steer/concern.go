package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Concern is something that would go wrong today, as the last look at readiness
// found it.
type Concern struct {
	Key   string    `json:"key"`   // the same as long as it is the same thing
	Grade string    `json:"grade"` // broken or warning
	Text  string    `json:"text"`
	Next  string    `json:"next,omitempty"`
	Since time.Time `json:"since"`
}

// Concerns are all of them, and when people were told last.
type Concerns struct {
	List   []Concern    `json:"list,omitempty"` // ordered by Key
	ToldAt time.Time    `json:"told_at,omitzero"`
	Acks   []ConcernAck `json:"acks,omitempty"` // ordered by Key
}

// Grades of concerns.
const (
	ConcernBroken  = "broken"
	ConcernWarning = "warning"
)

// MaxConcerns bounds what is remembered.
const MaxConcerns = 100

// nag is after how long people are told again of concerns that last.
func nag(open []Concern) time.Duration {
	if slices.ContainsFunc(open, func(x Concern) bool { return x.Grade == ConcernBroken }) {
		return 24 * time.Hour
	}
	return 7 * 24 * time.Hour
}

// NewConcerns reports whether the State has to be told of a look: what it found is
// not what is remembered, or people have not been told for long.
func NewConcerns(s State, found []Concern, now time.Time) bool {
	if len(found) != len(s.Concerns.List) {
		return true
	}
	for i, c := range found {
		if old := s.Concerns.List[i]; old.Key != c.Key || old.Grade != c.Grade {
			return true
		}
	}
	if slices.ContainsFunc(s.Concerns.Acks, func(a ConcernAck) bool { return a.ended(found, now) }) {
		return true
	}
	open := s.Concerns.open(found, now)
	return len(open) > 0 && now.Sub(s.Concerns.ToldAt) >= nag(open)
}

// look takes over what a look at readiness found. People are told what is new,
// that all is well again, and now and then what lasts; not of what somebody has
// acknowledged, until that ends.
func (t *transition) look() error {
	found := slices.Clone(t.cmd.Concerns)
	slices.SortFunc(found, func(a, b Concern) int { return strings.Compare(a.Key, b.Key) })
	found = found[:min(len(found), MaxConcerns)]
	old := t.Concerns.List
	back := t.endAcks(found)
	var news []string
	grade := ConcernWarning
	for i := range found {
		c := &found[i]
		c.Since = t.Now
		k := slices.IndexFunc(old, func(o Concern) bool { return o.Key == c.Key })
		if k >= 0 {
			c.Since = old[k].Since
		}
		isNew := k < 0 || old[k].Grade != ConcernBroken && c.Grade == ConcernBroken
		if t.Concerns.Ack(c.Key, c.Grade, t.Now) != nil || !isNew && back[c.Key] == "" {
			continue
		}
		news = append(news, c.Text+back[c.Key])
		if c.Grade == ConcernBroken {
			grade = ConcernBroken
		}
	}
	open := t.Concerns.open(found, t.Now)
	due := len(open) > 0 && t.Now.Sub(t.Concerns.ToldAt) >= nag(open)
	t.Concerns.List = found
	switch {
	case len(news) > 0:
		t.tellConcerns(grade, fmt.Sprintf("readiness: %s: %s", plural(len(news), "new concern"), summed(news)))
	case len(found) == 0 && len(old) > 0:
		t.tellConcerns("ready", "readiness: nothing would go wrong any more of what was known")
	case due:
		texts := make([]string, len(open))
		for i, c := range open {
			texts[i] = c.Text
		}
		t.tellConcerns("still", fmt.Sprintf("readiness: %s still: %s", plural(len(open), "concern"), summed(texts)))
	}
	return nil
}

func (t *transition) tellConcerns(word, text string) {
	t.Concerns.ToldAt = t.Now
	t.event(EventReadiness, Event{Word: word, Text: text + "; sipsteer readiness shows what to type"})
}

// summed joins the first few.
func summed(texts []string) string {
	const most = 5
	if n := len(texts) - most; n > 0 {
		return strings.Join(texts[:most], "; ") + fmt.Sprintf("; and %d more", n)
	}
	return strings.Join(texts, "; ")
}
