package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestEvidenceIsShortAndClean: of each message its first line, printable and not
// too long, with the result that it belongs to.
func TestEvidenceIsShortAndClean(t *testing.T) {
	long := strings.Repeat("x", 500)
	seen := api.CheckSeen{
		Check: health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: fleet.UDP}, Kind: health.Register},
		Recent: []api.Sample{
			{At: noon, Outcome: "failure", Cause: "auth-rejected", Detail: "403 \x1b[31mafter a right password"},
			{At: noon.Add(5 * time.Second), Outcome: "success"},
		},
		Wire: []api.WireLine{
			{Direction: "sent", Text: "REGISTER sip:west.voice.example.net SIP/2.0\r\nVia: secret\r\n\r\n"},
			{Direction: "received", Text: "\r\nSIP/2.0 403 No\x1b[2J\u202e way\r\nVia: x\r\n"},
			{Direction: "note", Text: long},
			{},
			{},
			{},
			{Direction: "sent", Text: "the seventh"},
		},
		WireAt: &noon,
	}
	e, ok := evidenceOf(seen)
	if !ok || e.Cause != health.CauseAuth || e.Detail != "403 ?[31mafter a right password" || !e.At.Equal(noon) {
		t.Errorf("%+v", e)
	}
	if len(e.Wire) != evidenceLines || e.Wire[0] != "sent REGISTER sip:west.voice.example.net SIP/2.0" || e.Wire[1] != "received SIP/2.0 403 No?[2J? way" || len(e.Wire[2]) != evidenceWidth {
		t.Errorf("%q", e.Wire)
	}
	seen.WireAt = nil
	if _, ok := evidenceOf(seen); ok {
		t.Error("evidence of what was never written down")
	}
}

// TestEvidenceOfAnIncident: at its sites, while it lasted.
func TestEvidenceOfAnIncident(t *testing.T) {
	in := &steer.Incident{Sites: []fleet.SiteID{"calgary"}, StartedAt: noon, ResolvedAt: noon.Add(time.Hour)}
	wanted := during(in, noon.Add(3*time.Hour))
	for _, c := range []struct {
		site fleet.SiteID
		at   time.Duration
		want bool
	}{{"calgary", time.Minute, true}, {"ottawa", time.Minute, false}, {"calgary", -time.Hour, false}, {"calgary", 2 * time.Hour, false}} {
		e := steer.Evidence{Check: health.Check{Target: health.Target{Site: c.site}}, At: noon.Add(c.at)}
		if wanted(e) != c.want {
			t.Errorf("%s after %s: %v", c.site, c.at, !c.want)
		}
	}
	in.ResolvedAt = time.Time{}
	if !during(in, noon.Add(3*time.Hour))(steer.Evidence{Check: health.Check{Target: health.Target{Site: "calgary"}}, At: noon.Add(2 * time.Hour)}) {
		t.Error("it lasts")
	}
}
