package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab/internal/pause"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// sites of the lab.
var sites = []string{"calgary", "ottawa", "vancouver"}

// keyReset is the import that changed every device's key: no login is right, at
// any site, while OPTIONS and TLS stay green.
func keyReset() Scenario {
	return Scenario{
		Name: "key-reset", Title: "an import changes every device's key; no login is right anywhere",
		Then: []string{"that day: traffic was moved in vain,", "and bringing the old keys back took hours"},
		Steps: []Step{
			{Say: "three sites, a hundred phones", Expect: []Expectation{allRegistered()}, Linger: time.Second},
			{
				Say:    "the import is taken over by one site after the other",
				Do:     everywhere("auth-reset", 300*time.Millisecond),
				Expect: []Expectation{heldBack(20 * time.Second), unserved(40, 20*time.Second), nothingMoved()},
			},
			{
				Say:    "the operator rolls the import back, site by site; the last one is not the only sick one",
				Do:     healing(2 * time.Second),
				Expect: []Expectation{servedAgain(25 * time.Second), nothingMoved()},
			},
		},
	}
}

// badCertificate is the one certificate among a thousand that no softswitch
// could load.
func badCertificate() Scenario {
	return Scenario{
		Name: "bad-certificate", Title: "a certificate that is not accepted is loaded at every site",
		Then: []string{"that day: traffic was moved to another platform;", "the certificate was found by hand in about 8 hours"},
		Steps: []Step{
			{Say: "three sites, a hundred phones", Expect: []Expectation{allRegistered()}, Linger: time.Second},
			{
				Say: "the push reaches one site after the other: new TLS connections fail, UDP and TCP stay green",
				Do:  everywhere("tls-bad-cert", 300*time.Millisecond),
				Expect: []Expectation{
					heldBack(20 * time.Second), nothingMoved(), plainServed(),
				},
				Linger: 3 * time.Second,
			},
			{
				Say:    "the certificate is found by halving (sipsteer cert check --bisect) and taken out",
				Do:     healing(time.Second),
				Expect: []Expectation{plainServed(), servedAgain(25 * time.Second), nothingMoved()},
			},
		},
	}
}

// drCorruption is damaged data that replication carries to the second site.
func drCorruption() Scenario {
	second := api.CommandRequest{Kind: "failover", Site: "ottawa", Reason: "as Calgary: the copy is damaged, too"}
	forced := second
	forced.Override = []string{string(steer.RuleOneAtATime)}
	return Scenario{
		Name: "dr-corruption", Title: "damaged data at Calgary are copied to Ottawa at once",
		Then: []string{"that day: both sites answered and no phone could register;", "an older copy was restored in hours"},
		Steps: []Step{
			{Say: "three sites, a hundred phones; Vancouver's copy is a day behind", Expect: []Expectation{allRegistered()}, Linger: time.Second},
			{
				Say: "Calgary's data are damaged, and Ottawa's a moment later: REGISTER fails, OPTIONS stays green",
				Do: func(ctx context.Context, s *Stage) error {
					return s.breakEach(ctx, "disk-corrupt", 200*time.Millisecond, "calgary", "ottawa")
				},
				Expect: []Expectation{heldBack(20 * time.Second), disksNamed(20*time.Second, "calgary", "ottawa"), nothingMoved()},
			},
			{
				Say:    "the operator decides that an older copy is better than none: sipsteer failover calgary",
				Do:     operator(api.CommandRequest{Kind: "failover", Site: "calgary", Reason: "data damaged here and at Ottawa; Vancouver is whole"}),
				Expect: []Expectation{gone("calgary", 3*time.Second, everyTransport...)},
			},
			{
				Say: "a second site does not leave by accident: it is refused, until the operator names the rule",
				Do: func(ctx context.Context, s *Stage) error {
					if err := s.refused(ctx, second, steer.RuleOneAtATime); err != nil {
						return err
					}
					return operator(forced)(ctx, s)
				},
				Expect: []Expectation{
					gone("ottawa", 3*time.Second, everyTransport...),
					{"every phone that can move is registered at Vancouver", 25 * time.Second, func(s *Stage) bool {
						snap := s.Crowd.Snapshot()
						return snap.Registered["vancouver"] >= snap.Phones-pinnedPhones
					}},
				},
			},
			{
				Say: "both sites are restored; nothing comes back by itself",
				Do:  healing(0, "calgary", "ottawa"),
				Expect: []Expectation{
					siteUp("calgary", 25*time.Second), siteUp("ottawa", 25*time.Second), disksNamed(30 * time.Second), gone("calgary", time.Second, everyTransport...),
				},
			},
		},
	}
}

// pinnedPhones have an address of Calgary typed in.
const pinnedPhones = 3

// breakEach breaks sites one after the other.
func (s *Stage) breakEach(ctx context.Context, fault string, between time.Duration, names ...string) error {
	s.begin(fleet.SiteID(names[0]), fault, nil)
	for _, site := range names {
		if err := s.Lab.Break(site, fault); err != nil {
			return err
		}
		s.say(Fault, "%s: %s", site, fault)
		if err := pause.For(ctx, between); err != nil {
			return err
		}
	}
	return nil
}

func everywhere(fault string, between time.Duration) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error { return s.breakEach(ctx, fault, between, sites...) }
}

// healing heals sites one after the other, all if none is named.
func healing(between time.Duration, names ...string) func(context.Context, *Stage) error {
	if len(names) == 0 {
		names = sites
	}
	return func(ctx context.Context, s *Stage) error {
		for _, site := range names {
			if err := s.Lab.Heal(site); err != nil {
				return err
			}
			s.say(Fault, "%s: healed", site)
			if err := pause.For(ctx, between); err != nil {
				return err
			}
		}
		return nil
	}
}

// refused gives a command that a rule must refuse.
func (s *Stage) refused(ctx context.Context, req api.CommandRequest, rule steer.Rule) error {
	_, err := s.do(ctx, req)
	var e *api.Error
	if !errors.As(err, &e) || e.Refusal == nil || e.Refusal.Rule != rule {
		return fmt.Errorf("%s %s should be refused by %s: %w", req.Kind, req.Site, rule, errOr(err))
	}
	s.say(Fault, "%s %s: refused by %s: %s", req.Kind, req.Site, rule, e.Refusal.Text)
	return nil
}

func errOr(err error) error {
	if err == nil {
		return errors.New("it was not refused at all")
	}
	return err
}

// heldBack: automation says that moving traffic would cure nothing.
func heldBack(within time.Duration) Expectation {
	return Expectation{"automation names the common cause, and holds back", within, func(s *Stage) bool {
		return slices.ContainsFunc(s.Status().Advice, func(a api.AdviceStatus) bool {
			return a.Rule == string(steer.RuleCommonCause) && strings.HasPrefix(a.Text, "common cause")
		})
	}}
}

// disksNamed: the storage check of each softswitch's disk fails at these sites and
// at no other.
func disksNamed(within time.Duration, at ...string) Expectation {
	say := "the storage checks name the disks of " + strings.Join(at, " and ")
	if len(at) == 0 {
		say = "the storage checks find every disk well"
	}
	return Expectation{say, within, func(s *Stage) bool {
		var bad []string
		for _, a := range s.Status().Attention {
			if a.Check.Kind.Base() == "storage" && a.Cause == "storage" {
				bad = append(bad, string(a.Check.Site))
			}
		}
		slices.Sort(bad)
		return slices.Equal(slices.Compact(bad), at)
	}}
}

// nothingMoved: every site stands in every answer.
func nothingMoved() Expectation {
	return Expectation{"nothing was moved: every name server answers every site", time.Second, func(s *Stage) bool {
		return !slices.ContainsFunc(sites, func(site string) bool {
			return !s.every(site, everyTransport, func(all, _ bool) bool { return all })
		})
	}}
}

// unserved: so many phones have lost their registration.
func unserved(least int, within time.Duration) Expectation {
	return Expectation{fmt.Sprintf("%d phones or more are without service", least), within, func(s *Stage) bool {
		return s.Crowd.Snapshot().Unregistered >= least
	}}
}

func servedAgain(within time.Duration) Expectation {
	return Expectation{"every phone is registered again, by itself", within, func(s *Stage) bool { return s.Crowd.Snapshot().Unregistered == 0 }}
}

// servedButPinned: as servedAgain while Calgary is out.
func servedButPinned(within time.Duration) Expectation {
	return Expectation{"every phone that has not Calgary's address typed in is registered again, by itself", within, func(s *Stage) bool {
		return s.Crowd.Snapshot().Unregistered <= pinnedPhones
	}}
}

// plainServed: the phones over UDP and TCP are where they were.
func plainServed() Expectation {
	return Expectation{"phones over UDP and TCP feel nothing", time.Second, func(s *Stage) bool {
		n := 0
		for _, site := range sites {
			for _, p := range s.Crowd.At(fleet.SiteID(site)) {
				if p.Transport != fleet.TLS {
					n++
				}
			}
		}
		return n == s.plain()
	}}
}

// plain counts the phones without TLS.
func (s *Stage) plain() (n int) {
	for _, g := range Crowd(s.Lab.Layout()) {
		if g.Transport != fleet.TLS {
			n += g.Count
		}
	}
	return n
}
