package cli

import (
	"errors"
	"slices"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// TestTheWorstIsShownForASite: a verdict counts more than one agent's opinion.
func TestTheWorstIsShownForASite(t *testing.T) {
	seen := func(site fleet.SiteID, tr fleet.Transport, kind health.Kind, verdict, status string) api.CheckSeen {
		return api.CheckSeen{Check: health.Check{Target: health.Target{Site: site, Switch: "a", Transport: tr}, Kind: kind}, Verdict: verdict, Status: status}
	}
	kinds, worst := siteMatrix([]api.AgentChecks{
		{Checks: []api.CheckSeen{
			seen("calgary", fleet.UDP, health.Options, "up", "down"), seen("calgary", fleet.TLS, health.Options, "unknown", "up"),
			seen("calgary", fleet.TLS, health.TLS, "down", "down"), seen("ottawa", fleet.UDP, health.Options, "up", "up"),
		}},
		{Checks: []api.CheckSeen{seen("calgary", fleet.UDP, health.Metrics.Named("calls"), "", "down"), seen("calgary", fleet.UDP, health.Options, "up", "up")}},
	})
	if !slices.Equal(kinds, []string{"metrics:calls", "options", "tls"}) {
		t.Errorf("%v", kinds)
	}
	for _, tt := range []struct{ site, kind, want string }{
		{"calgary", "options", "unknown"}, {"calgary", "tls", "down"}, {"calgary", "metrics:calls", "down"}, {"ottawa", "options", "up"}, {"ottawa", "tls", ""},
	} {
		if got := worst[tt.site][tt.kind]; got != tt.want {
			t.Errorf("%s at %s: %q, want %q", tt.kind, tt.site, got, tt.want)
		}
	}
}

// TestAnUnknownSiteIsNoWellOne: its empty table would look like one.
func TestAnUnknownSiteIsNoWellOne(t *testing.T) {
	at := func(site fleet.SiteID) api.CheckSeen {
		return api.CheckSeen{Check: health.Check{Target: health.Target{Site: site, Switch: "a"}, Kind: health.Options}}
	}
	agents := []api.AgentChecks{{Checks: []api.CheckSeen{at("ottawa"), at("")}}, {Checks: []api.CheckSeen{at("calgary")}}}
	var wrong *usageError
	if err := knownSite(agents, "paris"); !errors.As(err, &wrong) || wrong.hint != "one of calgary, ottawa" {
		t.Errorf("%v", err)
	}
	for _, site := range []string{"", "calgary", "ottawa"} {
		if err := knownSite(agents, site); err != nil {
			t.Errorf("%q: %v", site, err)
		}
	}
}
