//go:build unix

package metrics

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
)

const kamailioConfig = `#!KAMAILIO
debug=0
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
tcp_accept_no_cl=yes
listen=udp:%[1]s:5060
listen=tcp:%[1]s:5060
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "kex.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "xhttp.so"
loadmodule "xhttp_prom.so"
loadmodule "jsonrpcs.so"
modparam("jsonrpcs", "transport", 1)
modparam("xhttp_prom", "xhttp_prom_stats", "all")
event_route[xhttp:request] {
	if ($hu =~ "^/RPC") { jsonrpc_dispatch(); exit; }
	prom_check_uri();
	prom_dispatch();
}
request_route {
	if (method == "REGISTER") { save("location"); exit; }
	sl_send_reply("403", "Forbidden");
}
`

// TestNumbersOfARealKamailio: registrations and refusals, read over JSON-RPC and
// from its Prometheus page.
func TestNumbersOfARealKamailio(t *testing.T) {
	const packages = "kamailio"
	own := loopbacktest.Address(t, 5060)
	addr := netip.AddrPortFrom(own, 5060)
	p := New(Config{})
	number := func(metric string, most float64) fleet.Number {
		return fleet.Number{Name: "n", Metric: metric, Max: limit(most)}
	}
	read := func(source, metric string) string {
		return ask1(t, p, specOf(source, addr, number(metric, -1))).Detail
	}
	wiretest.Kamailio(t, packages, fmt.Sprintf(kamailioConfig, own), func() bool {
		return strings.HasPrefix(read("kamailio", "core.rcv_requests"), "n is ")
	})
	talk(t, addr, "REGISTER", "200")
	for range 3 {
		talk(t, addr, "INVITE", "403")
	}
	for _, tt := range []struct{ source, metric, want string }{
		{"kamailio", "registrar.accepted_regs", "n is 1, above"},
		{"kamailio", "sl.403_replies", "n is 3, above"},
		{"kamailio", "core.rcv_requests_invite", "n is 3, above"},
		{"kamailio", "usrloc.registered_users", "n is 1, above"},
		{"kamailio", "core.rcv_replies_2xx_invite", "n is 0, above"},
		{"prometheus", "kamailio_registrar_accepted_regs", "n is 1, above"},
		{"prometheus", "kamailio_sl_403_replies", "n is 3, above"},
	} {
		p = New(Config{})
		if got := read(tt.source, tt.metric); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s %s: %s", tt.source, tt.metric, got)
		}
	}
	if got := ask1(t, p, specOf("kamailio", addr, number("no.such_statistic", 1))); got.Cause != health.CauseContent {
		t.Errorf("a statistic that is not there: %+v", got)
	}
}

// talk sends one request and waits for an answer with the status.
func talk(t *testing.T, addr netip.AddrPort, method, status string) {
	t.Helper()
	conn, err := net.Dial("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	local := conn.LocalAddr()
	fmt.Fprintf(conn, "%s sip:a@example.net SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%p\r\nFrom: <sip:a@example.net>;tag=1\r\nTo: <sip:a@example.net>\r\n"+
		"Call-ID: %p@x\r\nCSeq: 1 %s\r\nContact: <sip:a@%s>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", method, local, conn, conn, method, local)
	buf := make([]byte, 2000)
	n, err := conn.Read(buf)
	if err != nil || !strings.HasPrefix(string(buf[:n]), "SIP/2.0 "+status) {
		t.Fatalf("%s: %v %s", method, err, buf[:n])
	}
}
