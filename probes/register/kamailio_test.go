//go:build unix

package register_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/register"
)

// kamailioConfig is a registrar whose subscribers are treated in every way that an
// outage was met as; its algorithm is the second word.
const kamailioConfig = `#!KAMAILIO
debug=0
log_stderror=yes
children=2
tcp_children=1
auto_aliases=no
listen=udp:%[1]s
listen=tcp:%[1]s
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("auth", "algorithm", "%[2]s")
modparam("auth", "nonce_count", 1)
modparam("auth", "qop", "auth")
request_route {
	if (method == "OPTIONS") { sl_send_reply("200", "OK"); exit; }
	if (method != "REGISTER") exit;
	switch ($fU) {
		case "silent": exit;
		case "barred": sl_send_reply("403", "Not from there"); exit;
		case "overloaded": append_to_reply("Retry-After: 9\r\n"); sl_send_reply("503", "Come later"); exit;
		case "open": save("location"); exit;
	}
	if ($fU == "loop" || !pv_www_authenticate("west.voice.example.net", "correct horse", "0")) {
		www_challenge("west.voice.example.net", "1");
		exit;
	}
	switch ($fU) {
		case "refused": sl_send_reply("403", "Wrong key"); break;
		case "late": sl_send_reply("503", "No database"); break;
		case "broken": sl_send_reply("500", "Server Error"); break;
		case "forgotten": sl_send_reply("200", "OK"); break;
		default: save("location");
	}
}
`

// TestEveryAnswerOfARealRegistrar: each way in which a login can go wrong has a cause
// of its own, with digests that Kamailio checks, of MD5 and of SHA-256, with qop and
// counted nonces.
func TestEveryAnswerOfARealRegistrar(t *testing.T) {
	for _, algorithm := range []string{"MD5", "SHA-256"} {
		t.Run(algorithm, func(t *testing.T) {
			addr := netip.AddrPortFrom(loopbacktest.Address(t, 5060), 5060)
			ask := func(user, pass string, tr fleet.Transport, limit time.Duration) (probes.Result, string) {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				ctx, wire := probes.Record(ctx)
				res := register.New(register.Config{}).Probe(ctx, probes.Spec{
					Check:   health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: tr}, Kind: health.Register},
					Address: addr, ServerName: domain, Login: probes.Login{User: user, Password: pass},
				})
				var text strings.Builder
				for _, l := range wire.Lines() {
					text.WriteString(l.Text + "\n")
				}
				return res, text.String()
			}
			wiretest.Kamailio(t, "kamailio", fmt.Sprintf(kamailioConfig, addr, algorithm), func() bool {
				res, _ := ask("open", password, fleet.UDP, time.Second)
				return res.Outcome == health.Success
			})
			for _, tt := range []struct {
				user, pass string
				cause      health.Cause
				says       string
			}{
				{"canary", password, "", "logged in and out"},
				{"open", password, "", "without being asked for a password"},
				{"canary", "wrong", health.CauseAuth, "another challenge: 401"},
				{"loop", password, health.CauseAuth, "another challenge: 401"},
				{"refused", password, health.CauseAuth, "a right password is refused: 403 Wrong key"},
				{"barred", password, health.CauseNoLogin, "refused before the login: 403 Not from there"},
				{"overloaded", password, health.CauseUnavailable, "before the login: 503 Come later"},
				{"late", password, health.CauseUnavailable, "after the login: 503 No database"},
				{"broken", password, health.CauseStatus, "after the login: 500"},
				{"forgotten", password, health.CauseBinding, "not among the stored ones"},
			} {
				for _, tr := range []fleet.Transport{fleet.UDP, fleet.TCP} {
					got, wire := ask(tt.user, tt.pass, tr, long)
					if got.Cause != tt.cause || !strings.Contains(got.Detail, tt.says) {
						t.Errorf("%s over %s: %+v, want %q %q", tt.user, tr, got, tt.cause, tt.says)
					}
					if tt.user == "canary" && (!strings.Contains(wire, "algorithm="+algorithm) || !strings.Contains(wire, "qop=auth") || !strings.Contains(wire, "nc=00000001")) {
						t.Errorf("%s over %s was not asked with %s and qop:\n%s", tt.user, tr, algorithm, wire)
					}
				}
			}
			if got, _ := ask("silent", password, fleet.UDP, short); got.Cause != health.CauseTimeout {
				t.Errorf("silent: %+v", got)
			}
		})
	}
}
