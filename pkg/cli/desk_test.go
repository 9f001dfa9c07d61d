package cli_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// desk is the agents that a session of commands speaks to: the real core
// behind the real API, with neither Raft nor sockets to softswitches, at a
// time that stands still.
type desk struct {
	api.Backend // what no session asks for

	mu     sync.Mutex
	now    time.Time
	state  steer.State
	quorum bool
}

// newDesk is a fleet of three sites where all is up.
// It returns the address of its API and the file of its authority.
func newDesk(t *testing.T) (d *desk, url, ca string) {
	t.Helper()
	d = &desk{now: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC), state: steer.New(), quorum: true}
	f := fleettest.ThreeSites()
	d.apply(t, steer.Command{Kind: steer.KindSetFleet, By: "init", Fleet: &f})
	d.verdict(t, "", health.Up)
	now := time.Now()
	authority, err := pki.NewAuthority("test", now)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	self, err := pki.Found(dir, authority, "calgary", []string{"127.0.0.1"}, now)
	if err != nil {
		t.Fatal(err)
	}
	// StartTLS would show a certificate of its own to clients without SNI.
	srv := httptest.NewUnstartedServer(api.Handler(d, "test", nil))
	srv.Listener = tls.NewListener(srv.Listener, self.Server(false, time.Now, func(pki.Peer) error { return nil }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
	return d, "https://" + srv.Listener.Addr().String(), filepath.Join(dir, "ca.pem")
}

func (d *desk) apply(t *testing.T, c steer.Command) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	c.Version, c.At = steer.CommandVersion, d.now
	next, _, err := steer.Apply(d.state, c)
	if err != nil {
		t.Fatal(err)
	}
	d.state = next
}

// verdict makes all checks of a site say the same; "" is all sites.
func (d *desk) verdict(t *testing.T, site fleet.SiteID, status health.Status) {
	t.Helper()
	c := steer.Command{Kind: steer.KindVerdicts, By: "automation"}
	for _, s := range d.state.Fleet.Sites {
		for _, sw := range s.Softswitches {
			for _, l := range sw.Listeners {
				if site == "" || s.Name == site {
					check := health.Check{Target: health.Target{Site: s.Name, Switch: sw.Name, Transport: l.Transport}, Kind: health.Options}
					c.Verdicts = append(c.Verdicts, health.Verdict{Check: check, Status: status, Since: d.now})
				}
			}
		}
	}
	d.apply(t, c)
}

func (d *desk) epoch() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state.Epoch
}

// command reads a request, as far as sessions use it.
func (d *desk) command(req api.CommandRequest) (steer.Command, error) {
	c := steer.Command{
		Version: steer.CommandVersion, Kind: steer.Kind(req.Kind), At: d.now, By: req.By, Reason: req.Reason, Now: req.Now,
		ExpectEpoch: req.ExpectEpoch, Site: fleet.SiteID(req.Site), Service: fleet.ServiceID(req.Service),
	}
	if req.Service != "" && !strings.Contains(req.Service, ".") {
		c.Service = fleet.ServiceID(req.Service + "." + d.state.Fleet.Zone)
	}
	for _, r := range req.Override {
		c.Override = append(c.Override, steer.Rule(r))
	}
	if req.Cohort != "" {
		var err error
		if c.Cohort, err = fleet.ParseCohort(req.Cohort); err != nil {
			return c, &api.Error{Category: api.Invalid, Field: "cohort", Message: err.Error()}
		}
	}
	c.Pace = fleet.Pace(req.Pace)
	if req.For != "" {
		if err := c.For.UnmarshalText([]byte(req.For)); err != nil {
			return c, &api.Error{Category: api.Invalid, Field: "for", Message: err.Error()}
		}
	}
	if req.Transport == "" {
		return c, nil
	}
	var err error
	if c.Transport, err = fleet.ParseTransport(req.Transport); err != nil {
		return c, &api.Error{Category: api.Invalid, Field: "transport", Message: err.Error()}
	}
	return c, nil
}

func (d *desk) Do(_ context.Context, req api.CommandRequest, _ bool) (api.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.quorum {
		return api.Result{}, &api.Error{Category: api.NoQuorum, Message: "no quorum", Hint: "sipsteer status   # shows which agents are reachable"}
	}
	c, err := d.command(req)
	if err != nil {
		return api.Result{}, err
	}
	next, events, err := steer.Apply(d.state, c)
	d.state = next // a refusal is an event there, too
	if err != nil {
		return api.Result{}, err
	}
	return api.Result{
		Epoch: next.Epoch, Changed: len(events) > 0, Events: append([]steer.Event{}, events...),
		Reached: []string{"calgary", "ottawa"}, Missed: []api.MissedAgent{{Agent: "vancouver", Reason: "not reachable"}}, Took: "7ms",
	}, nil
}

func (d *desk) Plan(_ context.Context, req api.CommandRequest) (plan.Plan, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.command(req)
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Make(d.state, c, d.now)
}

func (d *desk) Why(_ context.Context, name string) (steer.Explanation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return steer.Explain(d.state, name)
}

func (d *desk) History(_ context.Context, limit int) ([]steer.Event, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state.LastEvents(limit), nil
}

func (d *desk) Effect(context.Context, uint64, time.Duration) (api.Effect, error) {
	return api.Effect{Agent: "calgary", Epoch: d.epoch(), Gate: "open"}, nil
}

func (d *desk) Status(context.Context) (api.Status, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state
	out := api.Status{
		Agent: "calgary", Epoch: s.Epoch, Leader: "calgary", Quorum: d.quorum, Time: d.now, Sites: []api.SiteStatus{},
		Services: []api.ServiceStatus{}, Agents: []api.AgentStatus{{Name: "calgary", Site: "calgary", Reachable: true, Epoch: s.Epoch}},
		Incidents: []api.IncidentStatus{}, Drains: []api.IntentStatus{}, Holds: []api.IntentStatus{},
		Failbacks: []api.FailbackStatus{}, Blocks: []api.BlockStatus{}, Advice: []api.AdviceStatus{},
	}
	if !d.quorum {
		out.Leader = ""
	}
	gates := steer.GateStates(s)
	for i := range s.Fleet.Sites {
		site := &s.Fleet.Sites[i]
		st := api.SiteStatus{Name: string(site.Name), Intent: "active", Gate: gates[site.Name].Mode().String(), Transports: map[string]string{}}
		for _, t := range site.Transports() {
			st.Transports[t.String()] = s.SiteStatus(site.Name, t).String()
		}
		out.Sites = append(out.Sites, st)
	}
	for i := range s.Fleet.Services {
		svc := &s.Fleet.Services[i]
		st := api.ServiceStatus{Name: string(svc.Name), TTL: 60, Transports: map[string][]steer.Target{}}
		for t, targets := range steer.Answers(s, svc) {
			st.Transports[t.String()] = targets
		}
		for _, p := range steer.Parts(s, svc)[1:] {
			c := api.CohortStatus{Cohort: p.Cohort.String(), Percent: p.Cohort.Percent(), Transports: map[string][]steer.Target{}}
			for t, targets := range p.Answers {
				c.Transports[t.String()] = targets
			}
			st.Cohorts = append(st.Cohorts, c)
		}
		out.Services = append(out.Services, st)
	}
	for _, x := range s.Drains {
		out.Drains = append(out.Drains, api.IntentStatus{ID: x.ID, Site: string(x.Site), Service: string(x.Service), Cohort: x.Cohort.String(), Stage: x.Stage.String(), Owner: x.Owner, Reason: x.Reason, Since: x.Since, Until: x.Until})
	}
	return out, nil
}
