//go:build unix

package http_test

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes"
	httpprobe "github.com/sipsteer/sipsteer/probes/http"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
)

const kamailioConfig = `#!KAMAILIO
debug=0
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
tcp_accept_no_cl=yes
listen=tcp:%s
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "xhttp.so"
event_route[xhttp:request] {
	switch ($hu) {
		case "/status": xhttp_reply("200", "OK", "text/plain", "ready, 41 calls"); break;
		case "/moved": append_to_reply("Location: http://127.0.0.1:1/\r\n"); xhttp_reply("302", "Found", "", ""); break;
		default: xhttp_reply("404", "Not Found", "text/plain", "none");
	}
}
request_route { exit; }
`

func ask(t *testing.T, spec probes.Spec, limit time.Duration) probes.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return httpprobe.New().Probe(ctx, spec)
}

// TestTheWebServerOfKamailio: statuses, text, and a process that is stopped and
// killed.
func TestTheWebServerOfKamailio(t *testing.T) {
	addr := netip.AddrPortFrom(loopbacktest.Address(t, 5060), 5060)
	status := probes.Spec{Address: addr, ServerName: "west.example.net", Question: probes.Question{Path: "/status", Contains: "ready"}}
	group := wiretest.KamailioOf(t, "kamailio", fmt.Sprintf(kamailioConfig, addr), 16, func() bool {
		return ask(t, status, time.Second).Outcome == health.Success
	})
	for _, tt := range []struct {
		name string
		ask  probes.Question
		want health.Cause
	}{
		{"the text", probes.Question{Path: "/status", Contains: "41 calls"}, ""},
		{"another text", probes.Question{Path: "/status", Contains: "42 calls"}, health.CauseContent},
		{"another path", probes.Question{Path: "/"}, health.CauseStatus},
		{"another path that is meant", probes.Question{Path: "/", Status: []int{404}}, ""},
		{"led elsewhere", probes.Question{Path: "/moved"}, health.CauseStatus},
	} {
		got := ask(t, probes.Spec{Address: addr, ServerName: "west.example.net", Question: tt.ask}, 30*time.Second)
		if got.Cause != tt.want {
			t.Errorf("%s: %+v, want %q", tt.name, got, tt.want)
		}
	}
	status.Question.Secure = true
	if got := ask(t, status, 500*time.Millisecond); got.Outcome != health.Failure {
		t.Errorf("over TLS, which it does not speak: %+v", got)
	}
	status.Question.Secure = false
	_ = syscall.Kill(-group, syscall.SIGSTOP)
	if got := ask(t, status, 500*time.Millisecond); got.Cause != health.CauseTimeout {
		t.Errorf("stopped: %+v", got)
	}
	_ = syscall.Kill(-group, syscall.SIGKILL)
	gone := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var got probes.Result
	for got = ask(t, status, time.Second); got.Cause != health.CauseRefused; got = ask(t, status, time.Second) {
		select {
		case <-tick.C: // its last process may accept still
		case <-gone:
			t.Fatalf("killed: %+v", got)
		}
	}
}

// TestTheWebServerOfOpenSSL: another TLS stack, whose authority is trusted or not,
// for its name or another.
func TestTheWebServerOfOpenSSL(t *testing.T) {
	const domain = "west.example.net"
	ca, other := wiretest.NewAuthority(t), wiretest.NewAuthority(t)
	cert, key := wiretest.WritePEM(t, t.TempDir(), ca.Config(wiretest.Leaf{DNS: []string{domain}}))
	addr, _ := wiretest.SServer(t, "-www", "-cert", cert, "-key", key)
	for _, tt := range []struct {
		name     string
		ca       *wiretest.Authority
		contains string
		want     health.Cause
	}{
		{domain, ca, "Ciphers supported", ""},
		{domain, ca, "no such text", health.CauseContent},
		{"east.example.net", ca, "", health.CauseCertUntrust},
		{domain, other, "", health.CauseCertUntrust},
	} {
		spec := probes.Spec{Address: addr, ServerName: tt.name, Roots: tt.ca.Pool(), Question: probes.Question{Secure: true, Contains: tt.contains}}
		if got := ask(t, spec, 30*time.Second); got.Cause != tt.want {
			t.Errorf("%s, %q: %+v, want %q", tt.name, tt.contains, got, tt.want)
		}
	}
}
