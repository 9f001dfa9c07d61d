package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/notify"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Notify says whom the leading agent tells of what happens.
type Notify struct {
	Sender *notify.Sender // nil or idle: nobody
	// Group is how long events are gathered into one message. Default 5s.
	Group time.Duration
	// Repeat is how often an incident that nobody has taken over is told again.
	// Default 15m.
	Repeat time.Duration
	// Heartbeat is called every Every while this agent leads: its silence says
	// that nobody can tell anything any more. "" for none. Default 1m.
	Heartbeat string
	Every     time.Duration
}

func (n Notify) withDefaults() Notify {
	if n.Group == 0 {
		n.Group = 5 * time.Second
	}
	if n.Repeat == 0 {
		n.Repeat = 15 * time.Minute
	}
	if n.Every == 0 {
		n.Every = time.Minute
	}
	return n
}

// leadNotify tells people what happens while this agent leads. How far it has
// told is part of the State, so a new leader goes on there: an event is told at
// least once, and a second time only when a leader died in between.
func (a *Agent) leadNotify(ctx context.Context) {
	n := a.cfg.Notify.withDefaults()
	if n.Sender == nil || n.Sender.Idle() {
		return
	}
	reminded := map[string]time.Time{}
	for ctx.Err() == nil {
		_, changed := a.pub.served()
		if s := a.machine.State(); worthTelling(s) {
			pause(ctx, n.Group) // more of the same is on its way
			a.tell(ctx, n, a.machine.State())
		} else {
			a.remind(ctx, n, s, reminded)
		}
		timer := time.NewTimer(leaderTick)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

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
		return string(steer.Minor)
	case steer.EventExpired, steer.EventNotify:
		return "info"
	case steer.EventReadiness:
		if e.Word == steer.ConcernBroken || e.Word == "still" {
			return string(steer.Minor)
		}
		return "info"
	case steer.EventRun:
		if e.Word == "stopped" || e.Word == "undoing" {
			return string(steer.Major)
		}
	}
	return ""
}

func worthTelling(s steer.State) bool {
	return slices.ContainsFunc(s.Events, func(e steer.Event) bool { return e.Revision > s.Notified && severityOf(&s, &e) != "" })
}

// tell sends one message about everything that is new, and notes how far it
// came: also when no channel took it, since the tries are bounded and the next
// event should not wait behind them for ever.
func (a *Agent) tell(ctx context.Context, n Notify, s steer.State) {
	var m notify.Message
	worst := -1
	last := s.Notified
	for _, e := range s.Events {
		last = max(last, e.Revision)
		severity := severityOf(&s, &e)
		if e.Revision <= s.Notified || severity == "" {
			continue
		}
		m.Lines = append(m.Lines, fmt.Sprintf("%s %s", e.At.UTC().Format(time.RFC3339), e.Text))
		if rank := slices.Index([]string{"info", "minor", "major", "critical"}, severity); rank > worst {
			worst, m.Severity, m.Subject = rank, severity, fmt.Sprintf("[%s] %s", severity, e.Text)
		}
	}
	m.ID = fmt.Sprintf("%s-%d", s.Fleet.Zone, last)
	if err := n.Sender.Send(ctx, m); err != nil {
		if ctx.Err() != nil {
			return // the next leader tells it
		}
		a.log.Error().Err(err).Str("message", m.ID).Msg("people could not be told")
	}
	a.noteTold(ctx, last)
}

func (a *Agent) noteTold(ctx context.Context, revision uint64) {
	for ctx.Err() == nil {
		c := steer.Command{Version: steer.CommandVersion, Kind: steer.KindNotified, At: a.now(), By: steer.AutomationOwner, Notified: revision}
		if err := a.proposeOwn(ctx, []steer.Command{c}); err == nil {
			return
		}
		pause(ctx, proposeRetry)
	}
}

// remind repeats an incident until a person has taken it over, or it is over.
func (a *Agent) remind(ctx context.Context, n Notify, s steer.State, reminded map[string]time.Time) {
	now := a.now()
	for i := range s.Incidents {
		in := &s.Incidents[i]
		if !in.Open() || in.Owner != "" || in.Severity == steer.Minor {
			continue
		}
		since, ok := reminded[in.ID]
		if !ok {
			reminded[in.ID] = now // it was told when it was opened
			continue
		}
		if now.Sub(since) < n.Repeat {
			continue
		}
		reminded[in.ID] = now
		err := n.Sender.Send(ctx, notify.Message{
			ID: fmt.Sprintf("%s-%d", in.ID, now.Unix()), Severity: string(in.Severity),
			Subject: fmt.Sprintf("[%s] %s is open and nobody has taken it over: %s", in.Severity, in.ID, in.Summary),
			Lines:   []string{"since " + in.OpenedAt.UTC().Format(time.RFC3339), "take it over: sipsteer incident declare " + in.ID},
		})
		if err != nil && ctx.Err() == nil {
			a.log.Error().Err(err).Str("incident", in.ID).Msg("people could not be reminded")
		}
	}
}

// leadHeartbeat tells a watcher outside that the fleet has a leader that could
// tell people. It is independent of everything else that is sent.
func (a *Agent) leadHeartbeat(ctx context.Context) {
	n := a.cfg.Notify.withDefaults()
	for n.Heartbeat != "" && ctx.Err() == nil {
		once, cancel := context.WithTimeout(ctx, n.Every/2)
		err := notify.Beat(once, n.Heartbeat)
		cancel()
		if err != nil && ctx.Err() == nil {
			a.log.Warn().Err(err).Msg("the watcher of the heartbeat does not answer")
		}
		pause(ctx, n.Every)
	}
}
