package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/notify"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// severityOf says how loud an event is; "" is for the record alone.
func severityOf(s *steer.State, e *steer.Event) string {
	switch e.Kind {
	case steer.EventIncident:
		if in := s.Incident(e.Incident); in != nil && slices.Contains([]string{"opened", "spread", "resolved", "major", "critical"}, e.Word) {
			return string(in.Severity)
		}
	case steer.EventWithdraw, steer.EventFailover, steer.EventStepBack, steer.EventBrake:
		return string(steer.Major)
	case steer.EventAdvice:
		if !s.Quiet(e.Site, e.Transport) { // else it is said in status alone
			return string(steer.Minor)
		}
	case steer.EventQuarantine:
		if e.By == steer.AutomationOwner {
			return string(steer.Minor)
		}
	case steer.EventGate:
		switch e.Word {
		case steer.GateDriverFailed:
			return string(steer.Major) // a drain would refuse nobody
		case steer.GateFellBack:
			return string(steer.Minor)
		}
	case steer.EventExpired, steer.EventNotify:
		if e.Rule != "" {
			return string(steer.Minor) // its time is over, and it waits for a person
		}
		return "info"
	case steer.EventReadiness:
		if e.Word == steer.ConcernBroken || e.Word == "still" {
			return string(steer.Minor)
		}
		return "info"
	case steer.EventRun:
		switch e.Word {
		case "stopped", "undoing":
			return string(steer.Major)
		case "asks":
			return string(steer.Minor)
		}
	}
	return ""
}

// topicOf says what an event is about, and the one thing of it, if it is one.
func topicOf(e *steer.Event) (topic, thing string) {
	switch e.Kind {
	case steer.EventIncident:
		return notify.TopicIncident, e.Incident
	case steer.EventRun:
		return notify.TopicRunbook, e.Run
	case steer.EventReadiness:
		return notify.TopicReadiness, "readiness"
	case steer.EventNotify:
		return notify.TopicNotice, ""
	}
	return notify.TopicAutomation, ""
}

// asked is the role of who has to do something for a run; "" when nobody has.
func asked(s *steer.State, run string) string {
	r := s.Run(run)
	if r == nil || !r.Live() {
		return ""
	}
	role := ""
	for i, p := range r.Progress {
		if p.State != steer.StepRunning || !r.Steps[i].Do.ByPerson() {
			continue
		}
		if role == "" || r.Steps[i].Role == steer.RoleAdmin {
			role = string(steer.RoleOperator)
			if r.Steps[i].Role != "" {
				role = string(r.Steps[i].Role)
			}
		}
	}
	if role == "" && r.State == steer.RunStopped {
		role = string(steer.RoleOperator)
	}
	return role
}

// messagesOf gathers what is new into one message for each incident and run, and
// one for each other topic. What automation did beside a single incident belongs
// to it. last is the newest event.
func messagesOf(s steer.State) (list []notify.Message, last uint64) {
	last = s.Notified
	var incidents []string
	for _, e := range s.Events {
		if e.Revision > s.Notified && e.Kind == steer.EventIncident && severityOf(&s, e) != "" && !slices.Contains(incidents, e.Incident) {
			incidents = append(incidents, e.Incident)
		}
	}
	for _, e := range s.Events {
		last = max(last, e.Revision)
		severity := severityOf(&s, e)
		if e.Revision <= s.Notified || severity == "" {
			continue
		}
		topic, thing := topicOf(e)
		if topic == notify.TopicAutomation && len(incidents) == 1 {
			topic, thing = notify.TopicIncident, incidents[0]
		}
		k := slices.IndexFunc(list, func(m notify.Message) bool { return m.Topic == topic && m.Thing == thing })
		if k < 0 {
			k = len(list)
			list = append(list, notify.Message{Topic: topic, Thing: thing, Role: asked(&s, e.Run), From: s.Fleet.Zone})
		}
		addTo(&list[k], e, severity)
	}
	return list, last
}

// addTo puts an event into a message, whose subject is that of its loudest one.
func addTo(m *notify.Message, e *steer.Event, severity string) {
	rank := func(s string) int { return slices.Index(notify.Severities(), s) }
	m.Lines = append(m.Lines, fmt.Sprintf("%s %s", e.At.UTC().Format(time.RFC3339), e.Text))
	m.At = e.At
	if len(m.Lines) == 1 || rank(severity) > rank(m.Severity) {
		m.Severity, m.Subject = severity, fmt.Sprintf("[%s] %s", severity, e.Text)
	}
	if e.Kind == steer.EventIncident {
		m.Over = e.Word == "resolved"
	}
	m.Over = m.Over || e.Kind == steer.EventReadiness && e.Word == "ready"
}

func worthTelling(s steer.State) bool {
	return slices.ContainsFunc(s.Events, func(e *steer.Event) bool { return e.Revision > s.Notified && severityOf(&s, e) != "" })
}

// tell sends what is new, and notes how far it came: also when no channel took
// it, since the tries are bounded and the next event should not wait behind them
// for ever.
func (a *Agent) tell(ctx context.Context, n Notify, s steer.State) {
	list, last := messagesOf(s)
	for i, m := range list {
		m.ID = fmt.Sprintf("%s-%d-%d", s.Fleet.Zone, last, i)
		if err := n.Sender.Send(ctx, m); err != nil {
			if ctx.Err() != nil {
				return // the next leader tells it
			}
			a.log.Error().Err(err).Str("message", m.ID).Msg("people could not be told")
		}
	}
	a.noteTold(ctx, last)
}

// reminder is something that waits for a person.
type reminder struct {
	key     string
	message notify.Message
}

// remindersOf lists the incidents that nobody has taken over and the runs that
// wait for somebody.
func remindersOf(s steer.State) []reminder {
	var out []reminder
	for i := range s.Incidents {
		in := &s.Incidents[i]
		if !in.Open() || in.Owner != "" || in.Severity == steer.Minor {
			continue
		}
		out = append(out, reminder{in.ID, notify.Message{
			Topic: notify.TopicIncident, Thing: in.ID, Severity: string(in.Severity), Role: string(steer.RoleOperator),
			Subject: fmt.Sprintf("[%s] %s is open and nobody has taken it over: %s", in.Severity, in.ID, in.Summary),
			Lines:   []string{"since " + in.OpenedAt.UTC().Format(time.RFC3339), "take it over: sipsteer incident declare " + in.ID},
		}})
	}
	for i := range s.Runs {
		r := &s.Runs[i]
		role := asked(&s, r.ID)
		if role == "" || r.Next() == "" {
			continue
		}
		out = append(out, reminder{r.ID + " " + r.Next(), notify.Message{ // another question of the same run begins anew
			Topic: notify.TopicRunbook, Thing: r.ID, Severity: string(steer.Minor), Role: role,
			Subject: fmt.Sprintf("[%s] %s (%s) still waits for a person", steer.Minor, r.ID, r.Book),
			Lines:   []string{r.Next()},
		}})
	}
	return out
}

// remind repeats what waits for a person until one has acted, or it is over.
func (a *Agent) remind(ctx context.Context, n Notify, s steer.State, reminded map[string]time.Time) {
	now := a.now()
	for _, r := range remindersOf(s) {
		since, ok := reminded[r.key]
		if !ok {
			reminded[r.key] = now // it was told when it began
			continue
		}
		if now.Sub(since) < n.Repeat {
			continue
		}
		reminded[r.key] = now
		m := r.message
		m.ID, m.At, m.From = fmt.Sprintf("%s-%d", m.Thing, now.Unix()), now, s.Fleet.Zone
		if err := n.Sender.Send(ctx, m); err != nil && ctx.Err() == nil {
			a.log.Error().Err(err).Str("about", m.Thing).Msg("people could not be reminded")
		}
	}
}
