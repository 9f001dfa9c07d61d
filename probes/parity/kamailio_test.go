//go:build unix

package parity

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
)

// kamailioConfig is of a softswitch with one subscriber and one number: its address,
// its algorithm and realm, how long a login lasts at least, the pattern of the numbers that
// it takes, and the formats of its media.
const kamailioConfig = `#!KAMAILIO
debug=0
log_stderror=yes
children=2
auto_aliases=no
server_header="Server: softswitch"
listen=udp:%[1]s
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("auth", "algorithm", "%[2]s")
modparam("registrar", "min_expires", %[4]s)
request_route {
	if (method == "REGISTER" || method == "INVITE") {
		if (!pv_auth_check("%[3]s", "right", "0", "0")) {
			auth_challenge("%[3]s", "1");
			exit;
		}
	}
	if (method == "REGISTER") { save("location"); exit; }
	if (method == "INVITE" && $rU =~ "%[5]s") {
		set_reply_body("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP %[6]s\r\n", "application/sdp");
		sl_send_reply("200", "OK");
		exit;
	}
	if (method == "ACK") exit;
	if (method == "OPTIONS" || method == "BYE") { sl_send_reply("200", "OK"); exit; }
	sl_send_reply("404", "Not Found");
}
`

// TestTwoKamailiosThatDiffer is the fifth outage with real softswitches: the login
// and the number work at both, and phones meet what differs all the same.
func TestTwoKamailiosThatDiffer(t *testing.T) {
	const domain = "west.voice.example.net"
	answers := map[Question]map[string]Answer{}
	for place, with := range map[string][]any{
		"calgary": {"", "west", "60", "^[+]1", "9 0"},
		"ottawa":  {"SHA-256", "ottawa", "300", "^[+]?1", "0"},
	} {
		addr := netip.AddrPortFrom(loopbacktest.Address(t, 5060), 5060)
		spec := probes.Spec{
			Check:   health.Check{Target: health.Target{Site: fleet.SiteID(place), Switch: "1", Transport: fleet.UDP}, Kind: health.Options},
			Address: addr, ServerName: domain, Login: probes.Login{User: "canary", Domain: domain, Password: "right"},
			Question: probes.Question{Call: probes.Call{To: "+14035550199"}},
		}
		ask := func(q Question, limit time.Duration) Answer {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			a, asked := Ask(ctx, spec, q)
			if !asked {
				t.Fatalf("%s is not asked", q)
			}
			return a
		}
		wiretest.Kamailio(t, "kamailio", fmt.Sprintf(kamailioConfig, append([]any{addr}, with...)...), func() bool {
			return ask(Options, time.Second).answered()
		})
		for _, q := range Questions() {
			if answers[q] == nil {
				answers[q] = map[string]Answer{}
			}
			answers[q][place] = ask(q, 30*time.Second)
		}
	}
	for q, want := range map[Question][]string{
		Options:  nil,
		Register: {"WWW-Authenticate algorithm", "WWW-Authenticate realm"},
		Login:    {"expires"},
		Call:     {"as digits", "codecs"},
	} {
		differ := fieldsOf(Compare(answers[q]))
		if !slices.Equal(differ, want) {
			t.Errorf("%s: differ in %q, want %q:\n%v", q, differ, want, answers[q])
		}
	}
	for place, want := range map[string]string{
		"calgary": "MD5 west 200 OK 60",
		"ottawa":  "SHA-256 ottawa 200 OK 300",
	} {
		r, l := answers[Register][place], answers[Login][place]
		if got := strings.Join([]string{r["WWW-Authenticate algorithm"], r["WWW-Authenticate realm"], l["status"], l["expires"]}, " "); got != want {
			t.Errorf("%s: %s, want %s", place, got, want)
		}
	}
}
