package incident_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// replay drives the core through an outage in virtual time: what the checks
// said, and what people did.
type replay struct {
	t        *testing.T
	now      time.Time
	state    steer.State
	verdicts map[health.Check]health.Verdict
}

// newReplay is a fleet of three sites, all well, on the day of the outage.
func newReplay(t *testing.T, at string, change func(*fleet.Fleet)) *replay {
	t.Helper()
	r := &replay{t: t, state: steer.New(), verdicts: map[health.Check]health.Verdict{}}
	r.clock(at)
	f := fleettest.ThreeSites()
	f.Sites[0].Capacity = fleet.Capacity{Registrations: 12000, Calls: 900}
	f.Sites[1].Capacity = fleet.Capacity{Registrations: 15000, Calls: 1200}
	if change != nil {
		change(&f)
	}
	r.apply(steer.Command{Kind: steer.KindSetFleet, By: "alice", Reason: "carrier added", Fleet: &f})
	for _, s := range f.Sites {
		for _, sw := range s.Softswitches {
			for _, l := range sw.Listeners {
				r.check(s.Name, l.Transport, health.Options, health.Up, "")
			}
		}
	}
	r.decide()
	return r
}

// clock sets the time to one of that day, "15:04:05", or to a whole date.
func (r *replay) clock(at string) {
	r.t.Helper()
	if len(at) == len(time.TimeOnly) {
		at = r.now.Format(time.DateOnly) + " " + at
	}
	t, err := time.Parse(time.DateTime, at)
	if err != nil {
		r.t.Fatal(err)
	}
	r.now = t
}

// until decides every second until the time.
func (r *replay) until(at string) {
	r.t.Helper()
	from := r.now
	r.clock(at)
	end := r.now
	if end.Before(from) {
		r.t.Fatalf("%s is before %s", at, from)
	}
	for r.now = from; r.now.Before(end); {
		r.now = r.now.Add(time.Second)
		r.decide()
	}
}

func (r *replay) check(site fleet.SiteID, t fleet.Transport, kind health.Kind, s health.Status, cause health.Cause) {
	c := health.Check{Target: health.Target{Site: site, Switch: fleet.SwitchID(site + "-1"), Transport: t}, Kind: kind}
	v := r.verdicts[c]
	if v.Status != s {
		v.Since = r.now
	}
	v.Check, v.Status, v.Cause = c, s, cause
	r.verdicts[c] = v
}

// fails and works are what the checks say from now on.
func (r *replay) fails(site fleet.SiteID, kind health.Kind, cause health.Cause, transports ...fleet.Transport) {
	for _, t := range transports {
		r.check(site, t, kind, health.Down, cause)
	}
	r.decide()
}

func (r *replay) works(site fleet.SiteID, kind health.Kind, transports ...fleet.Transport) {
	for _, t := range transports {
		r.check(site, t, kind, health.Up, "")
	}
	r.decide()
}

// does is a person's command; a refusal is part of the story when it is told.
func (r *replay) does(c steer.Command, refused ...steer.Rule) {
	r.t.Helper()
	var refusal *steer.Refusal
	err := r.apply(c)
	switch {
	case err == nil && len(refused) == 0:
	case errors.As(err, &refusal) && slices.Contains(refused, refusal.Rule):
	default:
		r.t.Fatalf("%s: %v, want refusal by %v", c.Kind, err, refused)
	}
	r.decide()
}

func (r *replay) says(kind steer.Kind, by string, c steer.IncidentChange) {
	r.t.Helper()
	if c.ID == "" && kind != steer.KindIncidentDeclare {
		c.ID = r.state.Incidents[0].ID
	}
	r.does(steer.Command{Kind: kind, By: by, Incident: &c})
}

func (r *replay) apply(c steer.Command) error {
	c.Version, c.At = steer.CommandVersion, r.now
	next, _, err := steer.Apply(r.state, c)
	r.state = next
	return err
}

func (r *replay) decide() {
	r.t.Helper()
	in := steer.Input{Now: r.now, Settled: true}
	for _, v := range r.verdicts {
		in.Verdicts = append(in.Verdicts, v)
	}
	slices.SortFunc(in.Verdicts, func(a, b health.Verdict) int { return a.Check.Compare(b.Check) })
	for _, c := range steer.Decide(r.state, in) {
		if err := r.apply(c); err != nil {
			r.t.Fatalf("%s: %v", c.Kind, err)
		}
	}
}
