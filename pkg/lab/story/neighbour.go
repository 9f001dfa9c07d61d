package story

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/lab/stranger"
)

const (
	// softswitchRate is what each softswitch gets done in a second while the
	// neighbour is there: some three times what the phones and checks ask.
	softswitchRate = 150
	// neighbourRate is what one customer's machines send.
	neighbourRate = 3000
)

// noisyNeighbour is the customer whose traffic drowned the softswitch that
// served it, and the next one to which it was moved.
func noisyNeighbour() Scenario {
	return Scenario{
		Name: "noisy-neighbour", Title: "one customer floods the softswitch, and the flood goes where its answers send it",
		Then: []string{"that day: the traffic was moved from site to site, and each fell in turn;", "phones were served again after hours"},
		Steps: []Step{
			{Say: "three sites, a hundred phones", Expect: []Expectation{allRegistered()}, Linger: time.Second},
			{
				Say: fmt.Sprintf("one customer of the west sends %d REGISTER a second; a softswitch gets %d done", neighbourRate, softswitchRate),
				Do: func(_ context.Context, s *Stage) error {
					s.begin("calgary", "flood", []fleet.Transport{fleet.UDP})
					for _, site := range sites {
						s.Lab.Softswitch(fleet.SiteID(site)).Limit(softswitchRate)
					}
					s.say(Fault, "one source floods the west")
					s.startNeighbour()
					return nil
				},
				Expect: []Expectation{gone("calgary", 15*time.Second, fleet.UDP)},
			},
			{
				Say: "the flood follows the answers to Vancouver: what moves with the traffic is not cured by moving it",
				Expect: []Expectation{
					heldBack(15 * time.Second), stays("vancouver", fleet.UDP), stays("ottawa", fleet.UDP), servedAt("ottawa", "east", 12*time.Second),
				},
			},
			{
				Say:    "the gate that it comes to has counted its sources, and names the one",
				Expect: []Expectation{named(15 * time.Second)},
			},
			{
				Say:    "the operator lets automation keep such sources out, while the flood goes on: policy.isolate.automation: act",
				Do:     func(ctx context.Context, s *Stage) error { return s.letIsolate(ctx) },
				Expect: []Expectation{keptOut(15 * time.Second), siteUp("calgary", 30*time.Second), siteUp("vancouver", 30*time.Second), servedButPinned(20 * time.Second)},
			},
			{
				Say:    "somebody at that customer has to call for help",
				Do:     func(ctx context.Context, s *Stage) error { return s.callForHelp(ctx) },
				Expect: []Expectation{{"the call is answered, from the source that is kept out", time.Second, (*Stage).helped}},
			},
			{
				Say: "the customer mends it, and the operator lets it in: sipsteer gate quarantine remove",
				Do: func(ctx context.Context, s *Stage) error {
					s.stopNeighbour()
					s.say(Fault, "the flood ends")
					return s.letIn(ctx)
				},
				Expect: []Expectation{{"nobody is kept out", 5 * time.Second, func(s *Stage) bool { return len(s.Status().Quarantines) == 0 }}},
			},
			{
				Say:    "and brings Calgary back: sipsteer failback calgary",
				Do:     operator(api.CommandRequest{Kind: "failback", Site: "calgary", Reason: "the source is quiet"}),
				Expect: []Expectation{back("calgary", 20*time.Second), servedAgain(20 * time.Second)},
			},
		},
	}
}

// servedAt: every phone of a service is registered at a site.
func servedAt(site fleet.SiteID, service string, within time.Duration) Expectation {
	return Expectation{fmt.Sprintf("%s and the phones of the %s feel nothing", site, service), within, func(s *Stage) bool {
		here, all := 0, 0
		for _, g := range Crowd(s.Lab.Layout()) {
			if strings.HasPrefix(string(g.Service), service+".") {
				all += g.Count
			}
		}
		for _, p := range s.Crowd.At(site) {
			if strings.HasPrefix(string(p.Service), service+".") {
				here++
			}
		}
		return here == all
	}}
}

// neighbourSource is the neighbour as one source.
func (s *Stage) neighbourSource() stranger.Stranger {
	return stranger.Stranger{Addr: s.Lab.Layout().Stranger(), Domain: "west." + lab.Zone}
}

// startNeighbour begins the flood: real REGISTER requests over UDP, from one
// address, to the site that DNS names first for the west.
func (s *Stage) startNeighbour() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	s.mu.Lock()
	s.neighbour = func() { cancel(); <-ended }
	s.mu.Unlock()
	go func() { // ended by stopNeighbour
		defer close(ended)
		if err := s.neighbourSource().Flood(ctx, neighbourRate, s.firstInWest); err != nil {
			s.say(Fails, "%v", err)
		}
	}()
}

// firstInWest is the gate that DNS names first for the west.
func (s *Stage) firstInWest() (netip.AddrPort, bool) {
	first := s.Watch.Now(s.places[0].DNS, fleet.UDP.Label()+".west."+lab.Zone+".")
	for _, p := range s.places {
		if len(first) > 0 && first[0] == "sip."+string(p.Site)+"."+lab.Zone+"." {
			return p.Gate[fleet.UDP], true
		}
	}
	return netip.AddrPort{}, false
}

// stopNeighbour ends the flood, if there is one.
func (s *Stage) stopNeighbour() {
	s.mu.Lock()
	stop := s.neighbour
	s.neighbour = nil
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
}
