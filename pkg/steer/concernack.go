package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ConcernAck says that somebody knows of a concern and accepts it until a time:
// people are not told of it, and it is not counted among the worst.
type ConcernAck struct {
	Key   string `json:"key"`
	Grade string `json:"grade"` // that is accepted; a worse one comes back
	Text  string `json:"text"`  // as it was accepted
	Intent
}

// MaxConcernAck is the longest that a concern is accepted for at a time. What is
// accepted changes no traffic, so it may be longer than other intents.
const MaxConcernAck = 30 * 24 * time.Hour

func compareConcernAcks(a, b ConcernAck) int { return strings.Compare(a.Key, b.Key) }

// Words that readiness events have beside those of concerns.
const (
	ConcernAcked   = "acknowledged"
	ConcernUnacked = "unacknowledged"
)

// Ack is the acknowledgement that holds for a concern of a grade now; nil when it
// is not acknowledged.
func (c Concerns) Ack(key, grade string, now time.Time) *ConcernAck {
	i, ok := slices.BinarySearchFunc(c.Acks, ConcernAck{Key: key}, compareConcernAcks)
	if !ok || !c.Acks[i].Until.After(now) || c.Acks[i].worse(grade) {
		return nil
	}
	return &c.Acks[i]
}

func (a ConcernAck) worse(grade string) bool {
	return grade == ConcernBroken && a.Grade != ConcernBroken
}

// ended reports whether a look that found these has to take the acknowledgement
// away.
func (a ConcernAck) ended(found []Concern, now time.Time) bool {
	return !a.Until.After(now) || slices.ContainsFunc(found, func(c Concern) bool { return c.Key == a.Key && a.worse(c.Grade) })
}

// open are those that nobody has acknowledged.
func (c Concerns) open(found []Concern, now time.Time) []Concern {
	return slices.DeleteFunc(slices.Clone(found), func(x Concern) bool { return c.Ack(x.Key, x.Grade, now) != nil })
}

// endAcks takes away those that are over or whose concern has become worse, and
// says so for each by its key.
func (t *transition) endAcks(found []Concern) map[string]string {
	back := map[string]string{}
	t.Concerns.Acks = deleted(t.Concerns.Acks, func(a ConcernAck) bool {
		if !a.ended(found, t.Now) {
			return false
		}
		how := "it has become worse"
		if !a.Until.After(t.Now) {
			how = "that time is over"
		}
		back[a.Key] = fmt.Sprintf(" (%s had acknowledged it until %s: %s; %s)", a.Owner, a.Until.UTC().Format(time.RFC3339), a.Reason, how)
		return true
	})
	return back
}

// ackConcern accepts a concern until a time, or renews that. The leader has looked
// whether there is such a concern, and what it is.
func (t *transition) ackConcern() error {
	c, err := t.namedConcern()
	if err != nil {
		return err
	}
	if err := guardIntent(t.cmd, MaxConcernAck); err != nil {
		return err
	}
	a := ConcernAck{Key: c.Key, Grade: c.Grade, Text: c.Text, Intent: t.intent()}
	if _, known := slices.BinarySearchFunc(t.Concerns.Acks, a, compareConcernAcks); !known && len(t.Concerns.Acks) >= MaxConcerns {
		return &Invalid{Field: "concern", Message: fmt.Sprintf("%d concerns are acknowledged already", MaxConcerns), Hint: "sipsteer readiness   # then do something about some of them"}
	}
	t.Concerns.Acks = inserted(t.Concerns.Acks, a, compareConcernAcks)
	t.event(EventReadiness, Event{Word: ConcernAcked, Value: ShortKey(c.Key), Text: fmt.Sprintf("readiness: %s is known and accepted until %s: %s", ShortKey(c.Key), a.Until.UTC().Format(time.RFC3339), c.Text)})
	return nil
}

// unackConcern ends an acknowledgement before its time.
func (t *transition) unackConcern() error {
	c, err := t.namedConcern()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(t.Concerns.Acks, func(a ConcernAck) bool { return ShortKey(a.Key) == ShortKey(c.Key) })
	if i < 0 {
		return &Invalid{Field: "concern", Message: fmt.Sprintf("%q is not acknowledged", c.Key), Hint: "sipsteer readiness   # shows which concerns are"}
	}
	a := t.Concerns.Acks[i]
	t.Concerns.Acks = deleted(t.Concerns.Acks, func(x ConcernAck) bool { return x.Key == a.Key })
	t.event(EventReadiness, Event{Word: ConcernUnacked, Value: ShortKey(a.Key), Text: fmt.Sprintf("readiness: %s is no longer accepted (%s had until %s: %s): %s", ShortKey(a.Key), a.Owner, a.Until.UTC().Format(time.RFC3339), a.Reason, a.Text)})
	return nil
}

func (t *transition) namedConcern() (Concern, error) {
	if len(t.cmd.Concerns) != 1 || t.cmd.Concerns[0].Key == "" {
		return Concern{}, &Invalid{Field: "concern", Message: "one concern must be named", Hint: "sipsteer readiness   # lists them by name"}
	}
	return t.cmd.Concerns[0], nil
}

// ShortKey is a concern's key as people type it: without the empty parts at its
// end.
func ShortKey(key string) string { return strings.TrimRight(key, "/") }
