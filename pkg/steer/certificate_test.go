package steer_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestOneCertificateMovesNobody: a certificate that fails at calgary in the
// morning and at ottawa at noon is one fault. Ottawa is not taken out for it.
func TestOneCertificateMovesNobody(t *testing.T) {
	var err error
	for certificate, brakes := range map[string]int{"0123456789abcdef": 1, "": 0} {
		s := believed(t, nil, map[fleet.SiteID]health.Status{"calgary": health.Up, "ottawa": health.Up, "vancouver": health.Up}, nil)
		verdict := func(site fleet.SiteID, after time.Duration) {
			v := health.Verdict{
				Check:  health.Check{Target: health.Target{Site: site, Switch: fleet.SwitchID(site) + "-1", Transport: fleet.TLS}, Kind: health.TLS},
				Status: health.Down, Cause: health.CauseCertRevoked, Since: s.Now.Add(after), Certificate: certificate,
			}
			var err error
			s, _, err = steer.Apply(s, steer.Command{Version: 1, Kind: steer.KindVerdicts, At: s.Now.Add(after), By: steer.AutomationOwner, Verdicts: []health.Verdict{v}})
			if err != nil {
				t.Fatal(err)
			}
		}
		verdict("calgary", time.Minute)
		if len(s.Brakes) != 0 {
			t.Fatalf("a brake for one site: %+v", s.Brakes)
		}
		verdict("ottawa", 5*time.Hour)
		if len(s.Brakes) != brakes {
			t.Errorf("certificate %q: brakes %+v, want %d", certificate, s.Brakes, brakes)
		}
		if brakes == 1 && !strings.Contains(s.Brakes[0].Sentence, "one certificate, "+certificate) {
			t.Errorf("the brake says %q", s.Brakes[0].Sentence)
		}
		if brakes == 0 {
			continue
		}
		for _, c := range steer.Decide(s, steer.Input{Now: s.Now.Add(time.Minute), Settled: true}) {
			if s, _, err = steer.Apply(s, c); err != nil {
				t.Fatal(err)
			}
		}
		at := s.Fleet.Sites[0].Softswitches[0]
		if !slices.ContainsFunc(s.Advice, func(a steer.Advice) bool {
			return a.Site == "ottawa" && a.Rule == steer.RuleCommonCause && strings.HasPrefix(a.Next, "sipsteer cert check "+listener(at, fleet.TLS)+"   #") &&
				strings.Contains(a.Next, "sipsteer runbook run tls-off --set site=ottawa --reason")
		}) {
			t.Errorf("advice %+v", s.Advice)
		}
	}
}

func listener(sw fleet.Softswitch, t fleet.Transport) string {
	for _, l := range sw.Listeners {
		if l.Transport == t {
			return l.Address.String()
		}
	}
	return "nowhere"
}

// TestCommonCauseAfterAChange: what failed at two sites soon after a change of the
// fleet file is undone with it.
func TestCommonCauseAfterAChange(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		want  string
	}{
		{10 * time.Minute, "sipsteer rollback 1 --reason …   # what alice changed 10m0s before it is undone: "},
		{2 * time.Hour, "sipsteer history   # what changed at these sites; to move all the same: sipsteer failover "},
	} {
		g := newGuarded(t, nil)
		first := g.s.Epoch
		changed := g.f
		changed.Policy.TTLNormal = fleet.Duration(40 * time.Second)
		g.must(steer.Command{Kind: steer.KindSetFleet, Fleet: &changed})
		if g.s.Epoch != first+1 {
			t.Fatalf("epoch %d after %d", g.s.Epoch, first)
		}
		g.now = g.now.Add(c.after)
		for _, site := range []fleet.SiteID{"calgary", "ottawa"} {
			g.verdict(site, fleet.UDP, health.Down, health.CauseTimeout)
		}
		for _, cmd := range steer.Decide(g.s, steer.Input{Now: g.now, Settled: true}) {
			g.must(cmd)
		}
		found := false
		for _, a := range g.s.Advice {
			found = found || a.Rule == steer.RuleCommonCause && strings.HasPrefix(a.Next, c.want)
		}
		if !found {
			t.Errorf("%s after the change: %+v", c.after, g.s.Advice)
		}
	}
}
