package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

func compareHolds(a, b Hold) int { return strings.Compare(string(a.Service), string(b.Service)) }

// hold stops automation for a service, or for the whole fleet.
func (t *transition) hold() error {
	if err := t.knownService(); err != nil {
		return err
	}
	if err := guardIntent(t.cmd, t.Fleet.Policy.MaxFor.D()); err != nil {
		return err
	}
	h := Hold{Service: t.cmd.Service, Intent: t.intent()}
	t.Holds = inserted(t.Holds, h, compareHolds)
	t.decided = true
	t.event(EventHold, Event{Service: h.Service, Text: fmt.Sprintf("automation is held for %s until %s", h.what(), h.Until.UTC().Format(time.RFC3339))})
	return nil
}

func (h Hold) what() string {
	if h.Service == "" {
		return "the whole fleet"
	}
	return string(h.Service)
}

// release ends a hold. Releasing what is not held is harmless.
func (t *transition) release() error {
	if err := t.knownService(); err != nil {
		return err
	}
	i := slices.IndexFunc(t.Holds, func(h Hold) bool { return h.Service == t.cmd.Service })
	if i < 0 {
		return nil
	}
	h := t.Holds[i]
	t.Holds = deleted(t.Holds, func(x Hold) bool { return x.Service == h.Service })
	t.decided = true
	t.event(EventRelease, Event{Service: h.Service, Text: fmt.Sprintf("automation is free again for %s (held by %s: %s)", h.what(), h.Owner, h.Reason)})
	return nil
}

// holdExpire ends the holds whose time is over.
func (t *transition) holdExpire() error {
	for _, h := range t.Holds {
		if h.Until.After(t.Now) {
			continue
		}
		t.Holds = deleted(t.Holds, func(x Hold) bool { return x.Service == h.Service })
		t.decided = true
		t.event(EventExpired, Event{Service: h.Service, Reason: h.Reason, Text: fmt.Sprintf("the hold on %s by %s has ended by its time", h.what(), h.Owner)})
	}
	return nil
}

// ack ends the block of a service, or of all: the operator has seen what
// automation did and lets it act again.
func (t *transition) ack() error {
	if err := t.knownService(); err != nil {
		return err
	}
	mine := func(b Block) bool { return t.cmd.Service == "" || b.Service == t.cmd.Service }
	for _, b := range t.Blocks {
		if mine(b) {
			t.decided = true
			t.event(EventAck, Event{Service: b.Service, Site: b.Site, Text: fmt.Sprintf("acknowledged: automation may move %s again", b.Service)})
		}
	}
	t.Blocks = deleted(t.Blocks, mine)
	if t.cmd.Service == "" {
		t.ackBrakes()
	}
	return nil
}

// ackBrakes lifts the brakes: the operator has seen the common cause. What is
// still failing at two sites sets its brake again at once.
func (t *transition) ackBrakes() {
	for _, b := range t.Brakes {
		t.decided = true
		t.event(EventAck, Event{Transport: b.Transport, Rule: RuleCommonCause, Text: fmt.Sprintf("acknowledged: the common cause at %s no longer holds automation back", joined(b.Sites))})
	}
	t.Brakes = nil
}

// unblock forgets the blocks whose time is over.
func (t *transition) unblock() error {
	over := func(b Block) bool { return !b.Until.After(t.Now) }
	for _, b := range t.Blocks {
		if over(b) {
			t.event(EventUnblock, Event{Service: b.Service, Site: b.Site, Text: fmt.Sprintf("automation may move %s again: the block has ended", b.Service)})
		}
	}
	t.Blocks = deleted(t.Blocks, over)
	return nil
}

// clearBlocks ends the blocks that a person's action on the site makes
// needless.
func (t *transition) clearBlocks(site fleet.SiteID) {
	t.Blocks = deleted(t.Blocks, func(b Block) bool { return b.Site == site })
}
