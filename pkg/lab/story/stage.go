package story

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/lab/dnswatch"
	"github.com/sipsteer/sipsteer/pkg/lab/phones"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

const (
	// statusInterval is how often the stage asks an agent for the status.
	statusInterval = 200 * time.Millisecond
	// watchInterval is how often each name server is asked from outside.
	watchInterval = 20 * time.Millisecond
	stopTimeout   = 5 * time.Second
)

// LineKind says what a line is about.
type LineKind string

// The kinds of lines.
const (
	Chapter LineKind = "chapter" // the story goes on
	Fault   LineKind = "fault"   // something was broken or healed
	Happens LineKind = "event"   // the fleet did something
	Holds   LineKind = "ok"      // an expectation was met
	Fails   LineKind = "FAILED"  // one was not
)

// Line is one line of the story.
type Line struct {
	At   time.Duration // since the last fault; since the start before the first
	Kind LineKind
	Text string
}

// Stage is a lab with phones, watched from outside.
type Stage struct {
	Lab    *lab.Lab
	Crowd  *phones.Crowd
	Watch  *dnswatch.Watch
	Tell   func(Line)
	places []lab.Place

	clients []*api.Client
	cancel  context.CancelFunc
	work    sync.WaitGroup

	mu       sync.Mutex
	status   api.Status
	told     map[string]bool // events that were told
	events   []steer.Event   // all that were seen, oldest first
	faultAt  time.Time
	measures []*measure
	// neighbour ends the flood of a story that has one.
	neighbour func()
	// help is the status that a call for help got.
	help int
}

// NewStage starts the phones and the watch in front of a lab that is up.
func NewStage(l *lab.Lab, groups []phones.Group, tell func(Line)) (*Stage, error) {
	s := &Stage{Lab: l, Tell: tell, places: l.Layout().Places(), told: map[string]bool{}, faultAt: time.Now()}
	var servers []netip.AddrPort
	sites := map[netip.AddrPort]fleet.SiteID{}
	ports := map[fleet.Transport]uint16{}
	for _, p := range s.places {
		servers = append(servers, p.DNS)
		c, err := l.Client(p)
		if err != nil {
			return nil, err
		}
		s.clients = append(s.clients, c)
		for t, a := range p.Gate {
			sites[a] = p.Site
			ports[t] = a.Port()
		}
	}
	crowd, err := phones.New(phones.Config{
		Groups: groups, NameServers: servers, SiteOf: func(a netip.AddrPort) fleet.SiteID { return sites[a] },
		Port: func(t fleet.Transport) uint16 { return ports[t] }, TLS: l.PKI().ClientConfig(), Refresh: 4 * time.Second, Seed: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("make phones: %w", err)
	}
	s.Crowd = crowd
	s.Watch = dnswatch.Start(dnswatch.Config{Servers: servers, Names: owners(), Interval: watchInterval, Timeout: time.Second})
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.work.Go(func() { s.follow(ctx) }) // ended by Close
	crowd.Start()
	return s, nil
}

// owners are all SRV names of the lab.
func owners() []string {
	var out []string
	for _, svc := range []string{"west.", "east."} {
		for _, t := range []fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS} {
			out = append(out, t.Label()+"."+svc+lab.Zone+".")
		}
	}
	return out
}

// Close ends phones and watch.
func (s *Stage) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	s.stopNeighbour()
	err := s.Crowd.Stop(ctx)
	s.Watch.Stop()
	s.cancel()
	s.work.Wait()
	for _, c := range s.clients {
		c.Close()
	}
	return err
}

// follow keeps the status fresh and tells each event once.
func (s *Stage) follow(ctx context.Context) {
	tick := time.NewTicker(statusInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, c := range s.clients {
			if s.refresh(ctx, c) {
				break
			}
		}
	}
}

// refresh asks one agent; false when it cannot be asked or knows no leader.
func (s *Stage) refresh(ctx context.Context, c *api.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	st, err := c.Status(ctx)
	if err != nil || !st.Quorum {
		return false
	}
	events, err := c.History(ctx, 100)
	if err != nil {
		return false
	}
	s.mu.Lock()
	s.status = st
	faultAt := s.faultAt
	var lines []Line
	for _, e := range events {
		key := fmt.Sprint(e.Revision, e.Kind, e.Text)
		if s.told[key] {
			continue
		}
		s.told[key] = true
		s.events = append(s.events, e)
		if e.At.After(faultAt) && e.Text != "" {
			lines = append(lines, Line{At: e.At.Sub(faultAt), Kind: Happens, Text: e.Text})
		}
	}
	s.mu.Unlock()
	for _, l := range lines {
		s.Tell(l)
	}
	return true
}

// Status is the last status seen.
func (s *Stage) Status() api.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// say tells a line at this moment.
func (s *Stage) say(kind LineKind, format string, args ...any) {
	s.mu.Lock()
	at := time.Since(s.faultAt)
	s.mu.Unlock()
	s.Tell(Line{At: at, Kind: kind, Text: fmt.Sprintf(format, args...)})
}

// do carries out an operator's command at any agent.
func (s *Stage) do(ctx context.Context, req api.CommandRequest) (api.Result, error) {
	req.By = "operator"
	var errs []error
	for _, c := range s.clients {
		res, err := c.Do(ctx, req)
		var e *api.Error
		if err == nil || (errors.As(err, &e) && e.Category != api.Unreachable && e.Category != api.NoQuorum) {
			return res, err
		}
		errs = append(errs, err)
	}
	return api.Result{}, errors.Join(errs...)
}

// breakSite breaks a site and begins a measure of who leaves it.
func (s *Stage) breakSite(site, fault string, transports ...fleet.Transport) error {
	s.begin(fleet.SiteID(site), fault, transports)
	if err := s.Lab.Break(site, fault); err != nil {
		return err
	}
	s.say(Fault, "%s: %s", site, fault)
	return nil
}

// has reports whether the answer of every name server holds the site.
func (s *Stage) has(site string, service string, t fleet.Transport) (all, none bool) {
	all, none = true, true
	for _, p := range s.places {
		found := false
		for _, target := range s.Watch.Now(p.DNS, t.Label()+"."+service+"."+lab.Zone+".") {
			found = found || target == "sip."+site+"."+lab.Zone+"."
		}
		all, none = all && found, none && !found
	}
	return all, none
}
