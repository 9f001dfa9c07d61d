package incident

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// phrase tells an event in the language. It is written from the event's fields,
// not from its text, which is English and may hold what a softswitch sent. What
// people wrote is kept in their own words.
func (l *language) phrase(e *steer.Event) string {
	text := l.what(e)
	if e.Reason != "" && e.Kind != steer.EventNote && e.Kind != steer.EventNotify && e.Kind != steer.EventAdvice && !(e.Kind == steer.EventIncident && e.Word == "cause") && e.By != steer.AutomationOwner {
		text += " (" + l.say("reason", plain(e.Reason)) + ")"
	}
	return text
}

func (l *language) what(e *steer.Event) string {
	site := string(e.Site)
	transport := strings.ToUpper(e.Transport.String())
	if e.Transport != 0 && e.Kind != steer.EventVerdict && e.Kind != steer.EventFailover {
		site += " " + transport
	}
	switch e.Kind {
	case steer.EventSilence:
		return l.say("ev.silence."+e.Word, site)
	case steer.EventVerdict:
		if e.Word == health.Down.String() {
			if e.Value == steer.ValueMaintenance {
				return l.say("ev.stopped", site, transport)
			}
			return l.say("ev.down", site, transport, l.cause(string(e.Cause)))
		}
		return l.say("ev."+e.Word, site, transport)
	case steer.EventIncident:
		return l.milestone(e)
	case steer.EventNote:
		return l.say("ev.note", plain(e.Reason))
	case steer.EventWithdraw, steer.EventFailover:
		return l.say("ev."+string(e.Kind), site, strings.ToUpper(e.Word))
	case steer.EventDrain, steer.EventStage:
		return l.say("ev."+string(e.Kind), site, l.say("stage."+e.Word))
	case steer.EventUndrain, steer.EventStepBack:
		return l.say("ev."+string(e.Kind), site)
	case steer.EventFailback:
		return l.say("ev.failback", site, cmp.Or(e.Word, "0"))
	case steer.EventAdvice:
		return l.say("ev.advice", e.Rule, site)
	case steer.EventRun:
		return l.say("ev.run", e.Run, l.say("run."+e.Word))
	case steer.EventGate:
		return l.say("ev.gate."+e.Word, site, strings.ToUpper(e.Value))
	case steer.EventNotify:
		return l.say("ev.notify", plain(e.Reason))
	case steer.EventBrake:
		if e.Word == "set" && e.Value != "" { // whose address is nobody else's business
			return l.say("ev.brake.source")
		}
		return l.say("ev.brake."+e.Word, transport)
	case steer.EventRefused, steer.EventOverride:
		return l.say("ev."+string(e.Kind), e.Rule)
	case steer.EventHold, steer.EventRelease, steer.EventAck, steer.EventUnblock, steer.EventExpired, steer.EventFleet,
		steer.EventRollback, steer.EventRestored, steer.EventQuarantine:
		return l.say("ev." + string(e.Kind))
	}
	return l.say("ev.other", plain(e.Text))
}

// milestone is an event of the incident itself: its word is a state, a severity,
// or one of a few others.
func (l *language) milestone(e *steer.Event) string {
	switch {
	case e.Word == "spread":
		return l.say("ev.spread", string(e.Site))
	case e.Word == "declared":
		return l.say("ev.declared", plain(e.By))
	case e.Word == "cause":
		return l.say("ev.cause", plain(e.Reason))
	case e.Word == "opened":
		return l.say("ev.opened")
	case slices.Contains(steer.Severities(), steer.Severity(e.Word)):
		return l.say("ev.severity", l.say("severity."+e.Word))
	}
	return l.say("ev.state", l.say("state."+e.Word))
}

// plain takes what is not text out of what people or peers wrote.
func plain(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return '\uFFFD'
		}
		return r
	}, s))
}
