//go:build unix

package probes_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/options"
)

// asks tells a test that it is the process that asks, and whom.
const asks = "SIPSTEER_TEST_ASKS"

// TestAProcessThatGetsFewTurns: the process that asks is stopped and let go on by
// signals, so that it runs for a few milliseconds of each hundred. The softswitch
// is in another process, and is not starved. A handshake of TLS needs several
// turns, so its time runs out again and again, without any pause that is long by
// itself. Then the softswitch falls silent, and that is seen all the same.
func TestAProcessThatGetsFewTurns(t *testing.T) {
	if addr := os.Getenv(asks); addr != "" {
		askUntilEOF(t, netip.MustParseAddrPort(addr))
		return
	}
	var silent atomic.Bool
	answer := func(req string) []byte {
		if silent.Load() {
			return nil
		}
		<-time.After(100 * time.Millisecond) // it is far away
		return wiretest.Answer(req, "200 OK", "")
	}
	addr := wiretest.TCP(t, wiretest.ServeTLS(wiretest.NewAuthority(t).Config(wiretest.Leaf{}), answer))
	c := startAsking(t, addr)
	c.await(t, "its first opinion", "opinion up")

	c.starve(t, 3*time.Millisecond, 75*time.Millisecond, 10)
	c.reap(t) // with what was asked before
	c.successes, c.failures, c.noData = 0, 0, 0
	c.starve(t, 3*time.Millisecond, 75*time.Millisecond, 100)
	c.reap(t)
	if c.failures > 0 {
		t.Errorf("%d failures of a softswitch that answers; last: %s", c.failures, c.last)
	}
	t.Logf("starved: %d answers, %d without data", c.successes, c.noData)

	silent.Store(true)
	for tries := 0; !strings.Contains(c.opinion, "down"); tries++ {
		if tries == 60 {
			t.Fatalf("silent, and not seen by a process that runs half of the time: %d failures, %d without data, %s", c.failures, c.noData, c.opinion)
		}
		c.starve(t, 50*time.Millisecond, 50*time.Millisecond, 10)
		c.reap(t)
	}
}

// askUntilEOF asks, tells what came of it, and ends when its parent does.
func askUntilEOF(t *testing.T, addr netip.AddrPort) {
	r, err := probes.New(probes.Config{
		Observer: "starved", Interval: 400 * time.Millisecond, Timeout: 200 * time.Millisecond, Burst: 100 * time.Millisecond,
		Thresholds: health.Thresholds{Fall: 3, Reset: 6, Rise: 12}, Probers: map[health.Kind]probes.Prober{health.Options: options.New(options.Config{})},
		OnObservation: func(o health.Observation) {
			fmt.Println("result", [...]string{health.NoData: "none", health.Success: "success", health.Failure: "failure"}[o.Outcome], o.Cause, o.Detail)
		},
		OnOpinion: func(o health.Opinion) { fmt.Println("opinion", o.Status, o.Cause, o.Detail) },
	})
	if err != nil {
		t.Fatal(err)
	}
	id := health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: fleet.TLS}, Kind: health.Options}
	if err := r.SetSpecs([]probes.Spec{{Check: id, Address: addr}}); err != nil {
		t.Fatal(err)
	}
	r.Start()
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := r.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// asker is the process that asks, and what it said.
type asker struct {
	cmd                         *exec.Cmd
	lines                       chan string
	successes, failures, noData int
	opinion, last               string
}

// startAsking starts it; it ends with the test.
func startAsking(t *testing.T, addr netip.AddrPort) *asker {
	t.Helper()
	c := &asker{cmd: exec.Command(os.Args[0], "-test.run=^TestAProcessThatGetsFewTurns$"), lines: make(chan string, 10000)}
	c.cmd.Env = append(os.Environ(), asks+"="+addr.String())
	in, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		defer close(c.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			c.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Signal(syscall.SIGCONT)
		_ = in.Close()
		for range c.lines {
		}
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("the process that asks: %v", err)
		}
	})
	return c
}

// take counts one line.
func (c *asker) take(line string) {
	switch {
	case strings.HasPrefix(line, "result success"):
		c.successes++
	case strings.HasPrefix(line, "result failure"):
		c.failures++
		c.last = line
	case strings.HasPrefix(line, "result none"):
		c.noData++
		c.last = line
	case strings.HasPrefix(line, "opinion"):
		c.opinion = line
	}
}

// reap takes what was said so far.
func (c *asker) reap(t *testing.T) {
	t.Helper()
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				t.Fatal("the process that asks has ended")
			}
			c.take(line)
		default:
			return
		}
	}
}

func (c *asker) await(t *testing.T, what, words string) {
	t.Helper()
	timeout := time.After(time.Minute)
	for !strings.HasPrefix(c.opinion, words) {
		select {
		case line := <-c.lines:
			c.take(line)
		case <-timeout:
			t.Fatalf("waited for %s; last: %q, %q", what, c.opinion, c.last)
		}
	}
}

// starve lets the process run for a part of each period.
func (c *asker) starve(t *testing.T, runs, stops time.Duration, periods int) {
	t.Helper()
	for range periods {
		for _, step := range []struct {
			signal syscall.Signal
			lasts  time.Duration
		}{{syscall.SIGSTOP, stops}, {syscall.SIGCONT, runs}} {
			if err := c.cmd.Process.Signal(step.signal); err != nil {
				t.Fatal(err)
			}
			<-time.After(step.lasts)
		}
	}
}
