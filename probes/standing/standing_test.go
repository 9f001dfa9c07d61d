package standing_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/standing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watch runs a watcher until the test ends and returns what it reports.
func watch(t *testing.T, cfg standing.Config, tr fleet.Transport, addr netip.AddrPort) <-chan probes.Result {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reports := make(chan probes.Result, 100)
	var done sync.WaitGroup
	done.Go(func() {
		standing.New(cfg).Watch(ctx, probes.Spec{
			Check:   health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: tr}, Kind: health.Standing},
			Address: addr,
		}, func(r probes.Result) { reports <- r })
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	return reports
}

func expect(t *testing.T, reports <-chan probes.Result, o health.Outcome, c health.Cause) {
	t.Helper()
	if got := <-reports; got.Outcome != o || got.Cause != c {
		t.Fatalf("got %+v, want %v %q", got, o, c)
	}
}

func TestADeathIsReportedAndTheRefusalAfterIt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const interval = 10 * time.Millisecond
	reports := watch(t, standing.Config{Interval: interval}, fleet.TCP, l.Addr().(*net.TCPAddr).AddrPort())
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	expect(t, reports, health.Success, health.CauseNone)
	// It lasts an interval: a keep-alive comes.
	if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
	expect(t, reports, health.Failure, health.CauseReset)
	expect(t, reports, health.Failure, health.CauseRefused)
}

func TestAPoliteCloseIsFollowedByANewConnection(t *testing.T) {
	addr := wiretest.TCP(t, func(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, 4)) })
	reports := watch(t, standing.Config{Interval: 5 * time.Millisecond}, fleet.TCP, addr)
	for range 3 {
		expect(t, reports, health.Success, health.CauseNone)
		expect(t, reports, health.Failure, health.CauseReset)
	}
}

func TestTheKeepAliveIsADoubleLineEnd(t *testing.T) {
	octets := make(chan string, 1)
	addr := wiretest.TCP(t, func(c net.Conn) {
		buf := make([]byte, 8)
		n, _ := io.ReadFull(c, buf)
		octets <- string(buf[:n])
	})
	watch(t, standing.Config{Interval: 5 * time.Millisecond}, fleet.TCP, addr)
	if got := <-octets; got != "\r\n\r\n\r\n\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestAServerThatTalksWithoutEndIsGivenUp(t *testing.T) {
	addr := wiretest.TCP(t, func(c net.Conn) {
		for {
			if _, err := c.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	})
	reports := watch(t, standing.Config{Interval: time.Hour}, fleet.TCP, addr)
	expect(t, reports, health.Success, health.CauseNone)
	expect(t, reports, health.Failure, health.CauseMalformed)
}
