package sim

import (
	"cmp"
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// order gives an operator's command to the leader. Without one it waits for
// some seconds, as the command line does.
func (w *World) order(n int) {
	q := &w.quorum
	asked := w.sc.Operators[n].At.D()
	switch {
	case q.leader >= 0:
		q.waiting = append(q.waiting, n)
		w.leadNow()
	case w.now-asked >= leaderSearch:
		w.meter.ordered(w.now, w.sc.Operators[n], errNoQuorum)
	default:
		w.q.add(w.now+leaderSearch/8, evOrder, n)
	}
}

// command is what the order's command line makes.
func (w *World) command(n int) steer.Command {
	o := w.sc.Operators[n]
	c := steer.Command{
		ID: fmt.Sprintf("order-%d", n), Kind: steer.Kind(o.Do), At: w.time(), By: "operator",
		Reason: cmp.Or(o.Reason, "scenario"), Site: o.Site, Service: fullName(w.fleet, o.Service), Transport: o.Transport, Now: o.Now,
	}
	switch c.Kind {
	case steer.KindDrain, steer.KindHold, steer.KindSilence:
		c.For = cmp.Or(o.For, fleet.Duration(7200e9))
	case steer.KindFailover:
		c.For = o.For
	}
	for _, r := range o.Override {
		c.Override = append(c.Override, steer.Rule(r))
	}
	if o.Cohort != "" {
		c.Cohort, _ = fleet.ParseCohort(o.Cohort) // validated
	}
	if c.Kind == steer.KindUnsilence {
		c.Target = string(o.Site)
	}
	c.Pace = o.Pace
	c.Maintenance = c.Kind == steer.KindDrain // every voter is of this version
	c.Offset = w.offset()
	c.Version = c.Needs()
	return c
}
