package steer_test

import (
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
	}
}
