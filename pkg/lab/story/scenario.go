package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/lab/internal/pause"
	"github.com/sipsteer/sipsteer/pkg/lab/phones"
)

// Scenario is a story to play.
type Scenario struct {
	Name, Title string
	// Then says what the real day cost, for the table at the end; may be empty.
	Then  []string
	Steps []Step
}

// Step is one chapter: something is done, and something must follow.
type Step struct {
	Say    string
	Do     func(ctx context.Context, s *Stage) error
	Expect []Expectation
	// Linger is how long to look on before the next step.
	Linger time.Duration
}

// Expectation is something that must come true.
type Expectation struct {
	Text   string
	Within time.Duration
	Met    func(s *Stage) bool
}

// ErrExpectation is returned when an expectation of the scenario failed.
var ErrExpectation = errors.New("an expectation of the scenario failed")

// checkInterval is how often an expectation is looked at.
const checkInterval = 20 * time.Millisecond

// Play plays the scenario to its end, also past an expectation that fails.
func (s *Stage) Play(ctx context.Context, sc Scenario) error {
	failed := 0
	for _, step := range sc.Steps {
		s.say(Chapter, "%s", step.Say)
		if step.Do != nil {
			if err := step.Do(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", step.Say, err)
			}
		}
		for _, e := range step.Expect {
			if !s.await(ctx, e) {
				failed++
			}
		}
		if pause.For(ctx, step.Linger) != nil {
			return ctx.Err()
		}
	}
	if failed > 0 {
		return fmt.Errorf("%w: %d of them", ErrExpectation, failed)
	}
	return nil
}

func (s *Stage) await(ctx context.Context, e Expectation) bool {
	deadline := time.Now().Add(e.Within)
	for !e.Met(s) {
		if time.Now().After(deadline) || pause.For(ctx, checkInterval) != nil {
			s.say(Fails, "%s (not within %s)", e.Text, e.Within)
			return false
		}
	}
	s.say(Holds, "%s", e.Text)
	return true
}

// Scenarios lists the stories, the default first.
func Scenarios() []Scenario {
	return []Scenario{calgaryTLS(), drCorruption(), noisyNeighbour(), keyReset(), badCertificate(), siteDown(), plannedDrain()}
}

// Find returns the scenario with that name.
func Find(name string) (Scenario, error) {
	var names []string
	for _, sc := range Scenarios() {
		if sc.Name == name {
			return sc, nil
		}
		names = append(names, sc.Name)
	}
	return Scenario{}, &lab.UsageError{Message: fmt.Sprintf("no scenario is called %q (one of %s)", name, strings.Join(names, ", "))}
}

// Crowd is the phones of the stories: a hundred of different kinds.
func Crowd(l lab.Layout) []phones.Group {
	west, east := fleet.ServiceID("west."+lab.Zone), fleet.ServiceID("east."+lab.Zone)
	calgary := l.Place(1).Gate[fleet.UDP]
	return []phones.Group{
		{Kind: phones.SRV, Transport: fleet.UDP, Service: west, Count: 14, Calls: 4},
		{Kind: phones.SRV, Transport: fleet.TCP, Service: west, Count: 10, Calls: 2},
		{Kind: phones.SRV, Transport: fleet.TLS, Service: west, Count: 16, Calls: 4},
		{Kind: phones.LongCache, Transport: fleet.UDP, Service: west, Count: 6},
		{Kind: phones.LongCache, Transport: fleet.TLS, Service: west, Count: 4},
		{Kind: phones.Follows503, Transport: fleet.UDP, Service: west, Count: 6},
		{Kind: phones.Follows503, Transport: fleet.TLS, Service: west, Count: 4},
		{Kind: phones.AOnly, Transport: fleet.UDP, Service: west, Count: 6},
		{Kind: phones.Pinned, Transport: fleet.UDP, Service: west, Count: 3, Server: calgary},
		{Kind: phones.SRV, Transport: fleet.UDP, Service: east, Count: 15, Calls: 3},
		{Kind: phones.SRV, Transport: fleet.TCP, Service: east, Count: 6},
		{Kind: phones.SRV, Transport: fleet.TLS, Service: east, Count: 10, Calls: 2},
	}
}

// all transports of the lab.
var everyTransport = []fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS}

// Expectations that several stories share.

func allRegistered() Expectation {
	return Expectation{"every phone is registered, where its service prefers", 12 * time.Second, func(s *Stage) bool {
		snap := s.Crowd.Snapshot()
		return snap.Unregistered == 0 && snap.Registered["calgary"] > 0 && snap.Registered["ottawa"] > 0
	}}
}

func gone(site string, within time.Duration, transports ...fleet.Transport) Expectation {
	return Expectation{
		fmt.Sprintf("all three name servers answer %s without %s", labels(transports), site), within,
		func(s *Stage) bool { return s.every(site, transports, func(_, none bool) bool { return none }) },
	}
}

func stays(site string, transports ...fleet.Transport) Expectation {
	return Expectation{
		fmt.Sprintf("%s still answer with %s", labels(transports), site), time.Second,
		func(s *Stage) bool { return s.every(site, transports, func(all, _ bool) bool { return all }) },
	}
}

func (s *Stage) every(site string, transports []fleet.Transport, ok func(all, none bool) bool) bool {
	for _, t := range transports {
		for _, svc := range []string{"west", "east"} {
			if all, none := s.has(site, svc, t); !ok(all, none) {
				return false
			}
		}
	}
	return true
}

func labels(transports []fleet.Transport) string {
	out := make([]string, len(transports))
	for i, t := range transports {
		out[i] = t.Label()
	}
	return strings.Join(out, ", ")
}

// left: no phone that can move is registered at the site over the transports.
func left(site fleet.SiteID, within time.Duration, transports ...fleet.Transport) Expectation {
	return Expectation{fmt.Sprintf("every phone that can move has left %s over %s", site, labels(transports)), within, func(s *Stage) bool {
		for _, p := range s.Crowd.At(site) {
			if p.Kind != phones.Pinned && slices.Contains(transports, p.Transport) {
				return false
			}
		}
		return true
	}}
}

func siteUp(site string, within time.Duration) Expectation {
	return Expectation{site + " is known to be up again on every transport", within, func(s *Stage) bool {
		for _, x := range s.Status().Sites {
			if x.Name == site {
				return x.Transports["udp"] == "up" && x.Transports["tcp"] == "up" && x.Transports["tls"] == "up"
			}
		}
		return false
	}}
}

func noneLost(s *Stage) func() bool {
	before := s.Crowd.Snapshot().CallsLost
	return func() bool { return s.Crowd.Snapshot().CallsLost == before }
}
