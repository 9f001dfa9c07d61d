package story

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// calgaryTLS is February 2019: the softswitch at Calgary hung on SIP over TLS
// while OPTIONS stayed green; later it died, came back and was sick again.
func calgaryTLS() Scenario {
	return Scenario{
		Name: "calgary-tls", Title: "Calgary's softswitch hangs on SIP over TLS while OPTIONS over UDP stays green",
		Then: []string{
			"that day: about 40 minutes until the sick site was given up,",
			"105 minutes until phones were served again",
		},
		Steps: []Step{
			{Say: "three sites, a hundred phones", Expect: []Expectation{allRegistered()}, Linger: time.Second},
			{
				Say: "Calgary hangs on TLS; OPTIONS over UDP stays green",
				Do:  func(_ context.Context, s *Stage) error { return s.breakSite("calgary", "tls-hang", fleet.TLS) },
				Expect: []Expectation{
					gone("calgary", 6*time.Second, fleet.TLS), stays("calgary", fleet.UDP, fleet.TCP), left("calgary", 15*time.Second, fleet.TLS),
				},
			},
			{
				Say: "Calgary goes down wholly",
				Do:  func(_ context.Context, s *Stage) error { return s.breakSite("calgary", "down", fleet.UDP, fleet.TCP) },
				Expect: []Expectation{
					gone("calgary", 4*time.Second, everyTransport...), left("calgary", 15*time.Second, everyTransport...),
				},
			},
			{
				Say: "it comes back, and flaps: automation holds back",
				Do: func(_ context.Context, s *Stage) error {
					s.begin("calgary", "flap", nil)
					s.say(Fault, "calgary: flap")
					return s.Lab.Break("calgary", "flap")
				},
				Linger: 5 * time.Second,
			},
			{
				Say:    "nothing came back by itself",
				Expect: []Expectation{gone("calgary", time.Second, everyTransport...), left("calgary", time.Second, everyTransport...)},
			},
			{
				Say: "Calgary is mended",
				Do: func(_ context.Context, s *Stage) error {
					s.begin("calgary", "healed", nil)
					s.say(Fault, "calgary: healed")
					return s.Lab.Heal("calgary")
				},
				Expect: []Expectation{siteUp("calgary", 20*time.Second)},
			},
			{
				Say:    "the operator fails back in steps: sipsteer failback calgary",
				Do:     operator(api.CommandRequest{Kind: "failback", Site: "calgary", Reason: "mended and watched"}),
				Expect: []Expectation{back("calgary", 15*time.Second), returned("calgary", 15*time.Second)},
			},
		},
	}
}

// siteDown is the plain case: a softswitch dies.
func siteDown() Scenario {
	return Scenario{
		Name: "site-down", Title: "Calgary's softswitch dies",
		Steps: []Step{
			{Say: "three sites, a hundred phones", Expect: []Expectation{allRegistered()}, Linger: time.Second},
			{
				Say: "Calgary's softswitch is killed",
				Do:  func(_ context.Context, s *Stage) error { return s.breakSite("calgary", "down", everyTransport...) },
				Expect: []Expectation{
					gone("calgary", 2*time.Second, everyTransport...), left("calgary", 15*time.Second, everyTransport...),
				},
			},
		},
	}
}

// plannedDrain shows that a drain loses no call.
func plannedDrain() Scenario {
	var none func() bool
	return Scenario{
		Name: "planned-drain", Title: "Calgary is drained for maintenance, and comes back",
		Steps: []Step{
			{Say: "three sites, a hundred phones", Expect: []Expectation{allRegistered()}, Linger: 2 * time.Second},
			{
				Say: "the operator drains Calgary: announced first, then out of DNS, then refusing",
				Do: func(ctx context.Context, s *Stage) error {
					s.begin("calgary", "drain", everyTransport)
					none = noneLost(s)
					return operator(api.CommandRequest{Kind: "drain", Site: "calgary", Reason: "kernel update", For: "1h"})(ctx, s)
				},
				Expect: []Expectation{
					gone("calgary", 12*time.Second, everyTransport...), left("calgary", 20*time.Second, everyTransport...),
					{"no call was lost", time.Second, func(*Stage) bool { return none() }},
				},
			},
			{
				Say:    "the work is done: sipsteer undrain calgary",
				Do:     operator(api.CommandRequest{Kind: "undrain", Site: "calgary", Reason: "update done"}),
				Expect: []Expectation{back("calgary", 20*time.Second), {"still no call was lost", time.Second, func(*Stage) bool { return none() }}},
			},
		},
	}
}

// operator is a person at the command line.
func operator(req api.CommandRequest) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error {
		res, err := s.do(ctx, req)
		if err != nil {
			return fmt.Errorf("%s %s: %w", req.Kind, req.Site, err)
		}
		s.say(Fault, "%s %s: seen on %s in %s", req.Kind, req.Site, strings.Join(res.Reached, ", "), res.Took)
		return nil
	}
}

// back: the site has its own place in every answer again.
func back(site string, within time.Duration) Expectation {
	return Expectation{"every name server answers west with " + site + " first again", within, func(s *Stage) bool {
		for _, svc := range s.Status().Services {
			if !strings.HasPrefix(svc.Name, "west.") {
				continue
			}
			for _, targets := range svc.Transports {
				if len(targets) == 0 || string(targets[0].Site) != site || targets[0].Priority != 10 {
					return false
				}
			}
			return s.every(site, everyTransport, func(all, _ bool) bool { return all })
		}
		return false
	}}
}

// returned: most phones of the west are at the site again.
func returned(site fleet.SiteID, within time.Duration) Expectation {
	return Expectation{"the phones are back, and registered", within, func(s *Stage) bool {
		snap := s.Crowd.Snapshot()
		return snap.Registered[site] >= 40 && snap.Unregistered == 0
	}}
}
