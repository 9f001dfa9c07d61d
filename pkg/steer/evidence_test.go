package steer_test

import (
	"fmt"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestEvidenceOfAnExplanation: of each failing check of what a name is about there
// is one piece, from the site's own agent where it has one.
func TestEvidenceOfAnExplanation(t *testing.T) {
	g := newGuarded(t, func(f *fleet.Fleet) {
		for i := range f.Services {
			f.Services[i].Automation = fleet.AutomationAct
		}
	})
	seen := func(agent fleet.AgentID, site fleet.SiteID, tr fleet.Transport, kind health.Kind) steer.Evidence {
		return steer.Evidence{Agent: agent, Check: health.Check{Target: health.Target{Site: site, Switch: "sw", Transport: tr}, Kind: kind}}
	}
	g.verdict("calgary", fleet.UDP, health.Down, health.CauseTimeout)
	g.must(steer.Command{Kind: steer.KindFailover, Site: "calgary"})
	all := []steer.Evidence{
		seen("ottawa", "calgary", fleet.UDP, health.Options), seen("calgary", "calgary", fleet.UDP, health.Options),
		seen("vancouver", "calgary", fleet.UDP, health.Register), seen("ottawa", "calgary", fleet.UDP, health.Register),
		seen("ottawa", "ottawa", fleet.UDP, health.Options), seen("calgary", "calgary", fleet.TLS, health.TLS),
	}
	at := map[fleet.AgentID]fleet.SiteID{"calgary": "calgary", "ottawa": "ottawa", "vancouver": "vancouver"}
	for name, want := range map[string]string{
		"_sip._udp.west":  "calgary/sw/udp/options by calgary; calgary/sw/udp/register by ottawa; ",
		"_sips._tcp.west": "calgary/sw/tls/tls by calgary; ",
		"sip.ottawa":      "",
	} {
		e, err := steer.Explain(g.s, name)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, x := range steer.ChooseEvidence(all, at, e.About) {
			got += fmt.Sprintf("%s by %s; ", x.Check, x.Agent)
		}
		if got != want {
			t.Errorf("%s: %q, want %q (%+v)", name, got, want, e.LeftOut)
		}
	}
}
