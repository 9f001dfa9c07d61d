package agent

import (
	"context"
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

func (a *Agent) noteTold(ctx context.Context, revision uint64) {
	for ctx.Err() == nil {
		c := steer.Command{Kind: steer.KindNotified, At: a.now(), By: steer.AutomationOwner, Notified: revision}
		if err := a.proposeOwn(ctx, []steer.Command{c}); err == nil {
			return
		}
		pause(ctx, proposeRetry)
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
