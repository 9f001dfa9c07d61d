package steer

import (
	"slices"
	"strings"
	"time"
)

// How far an incident's timeline reaches back before its first bad verdict:
// what changed then is where the search for the cause begins.
const (
	leadTime = time.Hour
	maxLead  = 20
)

// leadUp returns the changes of the last hour before an incident, and what the
// gates of its sites did by themselves: they see a dead softswitch first.
func (t *transition) leadUp(in Incident) []*Event {
	var out []*Event
	for _, e := range slices.Backward(t.Events) {
		if len(out) == maxLead || e.At.Before(in.StartedAt.Add(-leadTime)) {
			break
		}
		if e.change() || e.Kind == EventGate && slices.Contains(in.Sites, e.Site) {
			out = append(out, e)
		}
	}
	slices.Reverse(out)
	return out
}

// change reports whether the event changed anything by itself: what may be the
// cause of a failure.
func (e *Event) change() bool {
	switch e.Kind {
	case EventFleet, EventDrain, EventUndrain, EventFailover, EventFailback, EventWithdraw, EventStage, EventStepBack, EventExpired, EventOverride, EventRollback, EventRestored:
		return true
	}
	return false
}

// away reports whether the event led traffic away from its site.
func (e *Event) away() bool {
	switch e.Kind {
	case EventWithdraw, EventFailover:
		return true
	case EventDrain, EventStage:
		return e.Word == StageRegister.String() || e.Word == StageRefuse.String()
	}
	return false
}

// chronicle writes the events of this command into the timelines of the
// incidents that they belong to. It runs for refused commands too: what was
// tried in vain is part of the story.
func (t *transition) chronicle(events []*Event) {
	if len(events) == 0 || len(t.Incidents) == 0 {
		return
	}
	var list []Incident
	for i := range t.Incidents {
		in := &t.Incidents[i]
		ended := in.ResolvedAt.Equal(t.Now) && !in.ResolvedAt.IsZero() // its last word
		if !in.Open() && !ended && !t.names(in.ID) {
			continue
		}
		for _, e := range events {
			if !belongs(e, in) {
				continue
			}
			if list == nil {
				list = slices.Clone(t.Incidents)
			}
			list[i] = t.entered(list[i], e)
		}
	}
	if list != nil {
		t.Incidents = list
	}
}

// names reports whether an event of this command is about the incident.
func (t *transition) names(id string) bool {
	return slices.ContainsFunc(t.events, func(e Event) bool { return e.Incident == id })
}

// belongs: what names an incident belongs to it alone, what the checks and
// automation say of a site to the incidents at that site, and what people do to
// every incident that is open.
func belongs(e *Event, in *Incident) bool {
	switch {
	case e.Incident != "":
		return e.Incident == in.ID
	case !in.Open():
		return false
	case e.Kind == EventVerdict || e.Kind == EventAdvice || e.Kind == EventWithdraw || e.Kind == EventUnblock || e.Kind == EventGate:
		return slices.Contains(in.Sites, e.Site)
	}
	return true
}

// entered adds an event to an incident. When the timeline is full the oldest
// one after the head gives way.
func (t *transition) entered(in Incident, e *Event) Incident {
	tl := slices.Concat(in.Timeline, []*Event{e})
	if len(tl) > MaxTimeline {
		tl = slices.Delete(tl, TimelineHead, TimelineHead+1)
		in.Omitted++
	}
	in.Timeline = tl
	if in.MovedAt.IsZero() && e.away() && slices.Contains(in.Sites, e.Site) {
		in.MovedAt, in.MovedBy = e.At, e.By
		in.HorizonAt = e.At.Add(t.viewed().longestTTL(SlotsOf(t.Fleet, e.Site, e.Service, e.Transport)).D())
	}
	return in
}

// transportsOf names the transports of slots, once each.
func transportsOf(slots []Slot) string {
	var names []string
	for _, s := range slots {
		if n := s.Transport.String(); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
