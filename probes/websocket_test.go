//go:build unix

package probes_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/call"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/options"
	"github.com/sipsteer/sipsteer/probes/register"
	"github.com/sipsteer/sipsteer/probes/tlscheck"
)

const webSocketConfig = `#!KAMAILIO
debug=0
log_stderror=yes
children=1
tcp_children=2
auto_aliases=no
tcp_accept_no_cl=yes
enable_tls=yes
listen=tcp:%[1]s:8080
listen=tls:%[1]s:8443
loadmodule "sl.so"
loadmodule "tls.so"
loadmodule "pv.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "xhttp.so"
loadmodule "websocket.so"
modparam("tls", "certificate", "%[2]s")
modparam("tls", "private_key", "%[3]s")
modparam("tls", "verify_certificate", 0)
modparam("tls", "tls_method", "TLSv1.2+")
request_route {
	if (method == "REGISTER") {
		if (!pv_www_authenticate("west.voice.example.net", "right", "0")) { www_challenge("west.voice.example.net", "1"); exit; }
		save("location");
		exit;
	}
	if (method == "ACK") { exit; }
	sl_send_reply("200", "OK");
}
event_route[xhttp:request] {
	if ($hdr(Upgrade) =~ "websocket" && $hu == "/sip" && ws_handle_handshake()) { exit; }
	xhttp_reply("404", "Not Found", "", "");
}
`

// TestWebSocketsOfARealKamailio: OPTIONS, a login, a call and the certificate,
// over ws and wss.
func TestWebSocketsOfARealKamailio(t *testing.T) {
	const domain = "west.voice.example.net"
	ca := wiretest.NewAuthority(t)
	own := loopbacktest.Address(t, 8080, 8443)
	cert, key := wiretest.WritePEM(t, t.TempDir(), ca.Config(wiretest.Leaf{DNS: []string{domain}}))
	ask := func(kind health.Kind, tr fleet.Transport, password, path string) probes.Result {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		port := map[fleet.Transport]uint16{fleet.WS: 8080, fleet.WSS: 8443}[tr]
		prober := map[health.Kind]probes.Prober{
			health.Options: options.New(options.Config{}), health.Register: register.New(register.Config{}), health.TLS: tlscheck.New(tlscheck.Config{}), health.Call: call.New(call.Config{}),
		}[kind]
		return prober.Probe(ctx, probes.Spec{
			Check:   health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: tr}, Kind: kind},
			Address: netip.AddrPortFrom(own, port), ServerName: domain, Path: path, Roots: ca.Pool(),
			Login:    probes.Login{User: "canary", Password: password},
			Question: probes.Question{Call: probes.Call{To: "9196", Audio: fleet.AudioNone, Talk: 100 * time.Millisecond}},
		})
	}
	wiretest.Kamailio(t, "kamailio, kamailio-tls-modules, kamailio-websocket-modules", fmt.Sprintf(webSocketConfig, own, cert, key), func() bool {
		return ask(health.TLS, fleet.WSS, "", "").Outcome == health.Success
	})
	for _, tr := range []fleet.Transport{fleet.WS, fleet.WSS} {
		for _, kind := range []health.Kind{health.Options, health.Register, health.Call} {
			if got := ask(kind, tr, "right", "/sip"); got.Outcome != health.Success {
				t.Errorf("%s over %s: %+v", kind, tr, got)
			}
		}
		if got := ask(health.Register, tr, "wrong", "/sip"); got.Cause != health.CauseAuth {
			t.Errorf("a wrong password over %s: %+v", tr, got)
		}
		if got := ask(health.Options, tr, "", "/elsewhere"); got.Cause != health.CauseStatus {
			t.Errorf("no WebSocket there, over %s: %+v", tr, got)
		}
	}
}
