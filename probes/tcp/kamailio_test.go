//go:build unix

package tcp_test

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
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/tcp"
)

const kamailioConfig = `#!KAMAILIO
debug=0
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
listen=tcp:%s
loadmodule "sl.so"
request_route { exit; }
`

// TestKamailioOverTCP: a connection says that a port is open and no more. A process
// that is stopped accepts still; one that is killed does not; and a softswitch never
// speaks first.
func TestKamailioOverTCP(t *testing.T) {
	addr := netip.AddrPortFrom(loopbacktest.Address(t, 5060), 5060)
	ask := func(contains string, limit time.Duration) probes.Result {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return tcp.New().Probe(ctx, probes.Spec{Address: addr, Question: probes.Question{Contains: contains}})
	}
	group := wiretest.KamailioOf(t, "kamailio", fmt.Sprintf(kamailioConfig, addr), 16, func() bool {
		return ask("", time.Second).Outcome == health.Success
	})
	if got := ask("SIP/2.0", 300*time.Millisecond); got.Cause != health.CauseTimeout {
		t.Errorf("waited for a greeting: %+v", got)
	}
	_ = syscall.Kill(-group, syscall.SIGSTOP)
	if got := ask("", 30*time.Second); got.Outcome != health.Success {
		t.Errorf("stopped: %+v", got)
	}
	_ = syscall.Kill(-group, syscall.SIGKILL)
	gone, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for got := ask("", time.Second); got.Cause != health.CauseRefused; got = ask("", time.Second) {
		select {
		case <-tick.C: // its last process may accept still
		case <-gone:
			t.Fatalf("killed: %+v", got)
		}
	}
}
