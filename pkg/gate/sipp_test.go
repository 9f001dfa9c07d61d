package gate_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

// callsVariable says how many calls are up in TestDrainWithCalls; make
// drain-calls sets it to 1000.
const callsVariable = "SIPSTEER_DRAIN_CALLS"

// TestDrainWithCalls puts the gate between callers and a softswitch that are not
// ours, and drains the site while all calls are up: each is changed by a
// re-INVITE and ended by a BYE afterwards, and none may fail. Who calls anew
// gets 503, but for an emergency.
func TestDrainWithCalls(t *testing.T) {
	sipp, err := exec.LookPath("sipp")
	if err != nil {
		t.Skip("sipp is not installed (Debian: sip-tester)")
	}
	if testing.Short() {
		t.Skip("calls of SIPp last some seconds each")
	}
	calls, err := strconv.Atoi(cmp.Or(os.Getenv(callsVariable), "50"))
	if err != nil {
		t.Fatalf("%s: %v", callsVariable, err)
	}
	for tr, flag := range map[fleet.Transport]string{fleet.UDP: "u1", fleet.TCP: "t1"} {
		t.Run(tr.String(), func(t *testing.T) {
			uas := loopbacktest.AddrPort(t, 5060)
			w := newWorld(t)
			w.policy.Upstreams[tr] = []netip.AddrPort{uas}
			w.set(gate.Rule{})
			scenario := func(name string) string {
				path, err := filepath.Abs("testdata/sipp/" + name + ".xml")
				if err != nil {
					t.Fatal(err)
				}
				return path
			}
			run(t, sipp, "-sf", scenario("callee"), "-key", "gate", w.addr(tr).String(), "-t", flag, "-i", uas.Addr().String(), "-p", strconv.Itoa(int(uas.Port())), "-nostdin")
			listening(t, tr, uas)
			caller := func(name, whom string, n, hold int) *process {
				// Callers of one address would take the same port of theirs.
				own := loopbacktest.Address(t).String()
				return run(t, sipp, "-sf", scenario(name), "-s", whom, "-t", flag, "-i", own, "-m", strconv.Itoa(n), "-r", "250", "-l", strconv.Itoa(n),
					"-d", strconv.Itoa(hold), "-nostdin", "-timeout", "60s", "-timeout_error", w.addr(tr).String())
			}
			hold := 1500 + 8*calls // until all are up, and a while longer
			up := caller("caller", "bob", calls, hold)
			acks := gate.MethodKey{Transport: tr, Method: "ACK", Action: gate.Relay}
			eventually(t, func() bool { return w.g.Stats().ByMethod[acks] >= uint64(calls) })
			w.set(allDraining)
			if n := w.g.Live().Calls; n != calls {
				t.Errorf("the meter counts %d calls, %d are up", n, calls)
			}
			for name, p := range map[string]*process{
				"a new call": caller("refused", "bob", 1, 0), "an emergency call": caller("caller", "911", 1, 0), "calls that were up": up,
			} {
				if err := p.wait(); err != nil {
					t.Errorf("%s: %v\n%s", name, err, p.out.String())
				}
			}
			relayed := func(method string) int {
				return int(w.g.Stats().ByMethod[gate.MethodKey{Transport: tr, Method: method, Action: gate.Relay}])
			}
			if re, bye := relayed("INVITE"), relayed("BYE"); re < 2*(calls+1) || bye < calls+1 {
				t.Errorf("%d INVITE and %d BYE passed on, for %d calls", re, bye, calls)
			}
			if n := w.g.Live().Calls; n != 0 {
				t.Errorf("the meter counts %d calls, none is up", n)
			}
		})
	}
}

// process is a program that the test runs, killed at its end.
type process struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan error
}

func run(t *testing.T, name string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{cmd: exec.CommandContext(ctx, name, args...), done: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = &p.out, &p.out, t.TempDir()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with its children, which hold our pipe
	p.cmd.Cancel = func() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }
	p.cmd.WaitDelay = patience
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		p.done <- p.cmd.Wait()
	}()
	t.Cleanup(func() { cancel(); <-finished })
	return p
}

// ended reports whether the process has ended; then its output may be read.
func (p *process) ended() bool {
	select {
	case err := <-p.done:
		p.done <- err
		return true
	default:
		return false
	}
}

func (p *process) wait() error { return <-p.done }

// listening waits until another process has the port.
func listening(t *testing.T, tr fleet.Transport, at netip.AddrPort) {
	t.Helper()
	eventually(t, func() bool {
		var err error
		if tr == fleet.UDP {
			var c *net.UDPConn
			if c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)); err == nil {
				c.Close()
			}
		} else {
			var l net.Listener
			if l, err = net.Listen("tcp", at.String()); err == nil {
				l.Close()
			}
		}
		return errors.Is(err, syscall.EADDRINUSE)
	})
}

// eventually waits for what another process must bring about.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(2 * patience); !ok(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("waited in vain")
		}
	}
}
