//go:build unix

package call

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
)

// kamailioConfig is a registrar and proxy that asks for passwords. A subscriber
// who is not its own is at the other site.
const kamailioConfig = `#!KAMAILIO
debug=0
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
listen=udp:%[1]s:5060
listen=tcp:%[1]s:5060
alias="west.voice.example.net"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "rr.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
request_route {
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if (method == "ACK") { if (t_check_trans()) { t_relay(); } exit; }
		sl_send_reply("404", "Not here");
		exit;
	}
	if (method == "CANCEL") { if (t_check_trans()) { t_relay(); } exit; }
	if (method == "OPTIONS") { sl_send_reply("200", "OK"); exit; }
	if (method == "REGISTER") {
		if (!pv_www_authenticate("west.voice.example.net", "right", "0")) { www_challenge("west.voice.example.net", "1"); exit; }
		save("location");
		exit;
	}
	record_route();
	if (src_ip != %[2]s) {
		if (!pv_proxy_authenticate("west.voice.example.net", "right", "0")) { proxy_challenge("west.voice.example.net", "1"); exit; }
		consume_credentials();
	}
	if (!lookup("location")) {
		if (src_ip == %[2]s) { sl_send_reply("404", "Not Found"); exit; }
		$du = "sip:%[2]s:5060;transport=udp";
	}
	t_relay();
}
`

// TestCanaryToCanaryAcrossTwoSites: two Kamailios pass calls to each other. The
// caller is at one, the callee at the other; then the way between them is wrong.
func TestCanaryToCanaryAcrossTwoSites(t *testing.T) {
	calgary, ottawa := loopbacktest.Address(t, 5060), loopbacktest.Address(t, 5060)
	up := func(a netip.Addr) func() bool {
		return func() bool { return answersOptions(netip.AddrPortFrom(a, 5060)) }
	}
	wiretest.Kamailio(t, "kamailio", fmt.Sprintf(kamailioConfig, calgary, ottawa), up(calgary))
	wiretest.Kamailio(t, "kamailio", fmt.Sprintf(kamailioConfig, ottawa, calgary), up(ottawa))
	spec := func(tr fleet.Transport, callee string) probes.Spec {
		s := specTo(netip.AddrPortFrom(calgary, 5060), tr, fleet.AudioEcho)
		s.Question.Call.To = ""
		s.Question.Call.Callee = probes.Callee{
			Site: "ottawa", Transport: tr, Address: netip.AddrPortFrom(ottawa, 5060), Login: probes.Login{User: callee, Password: "right"},
		}
		return s
	}
	for _, tr := range []fleet.Transport{fleet.UDP, fleet.TCP} {
		if got := place(t, spec(tr, "callee"), 30*time.Second); got.Outcome != health.Success || !strings.Contains(got.Detail, "audio both ways") {
			t.Errorf("over %s: %+v", tr, got)
		}
	}
	s := spec(fleet.UDP, "callee")
	s.Login.Password = "wrong"
	if got := place(t, s, 30*time.Second); got.Cause != health.CauseAuth {
		t.Errorf("the caller's password is wrong: %+v", got)
	}
	s = spec(fleet.UDP, "callee")
	s.Question.Call.Callee.Login.Password = "wrong"
	if got := place(t, s, 30*time.Second); got.Cause != health.CauseAuth || !strings.Contains(got.Detail, "our subscriber at ottawa cannot be called") {
		t.Errorf("the callee's password is wrong: %+v", got)
	}
	// The callee's binding was removed each time: nobody is found.
	s = specTo(netip.AddrPortFrom(calgary, 5060), fleet.UDP, fleet.AudioNone)
	s.Question.Call.To = "callee"
	if got := place(t, s, 30*time.Second); got.Cause != health.CauseStatus || !strings.Contains(got.Detail, "404") {
		t.Errorf("nobody is there: %+v", got)
	}
}

func answersOptions(addr netip.AddrPort) bool {
	conn, err := net.Dial("udp", addr.String())
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprintf(conn, "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%p\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:%s>\r\nCall-ID: %p\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", addr, conn.LocalAddr(), conn, addr, conn)
	n, err := conn.Read(make([]byte, 2000))
	return err == nil && n > 0
}
