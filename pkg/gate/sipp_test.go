package gate_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// TestSIPp puts the gate between a caller and a softswitch that are not ours,
// and drains the site while all calls are up: none may fail, and a caller that
// comes later is refused.
func TestSIPp(t *testing.T) {
	sipp, err := exec.LookPath("sipp")
	if err != nil {
		t.Skip("sipp is not installed (Debian: sip-tester)")
	}
	if testing.Short() {
		t.Skip("calls of SIPp last a second each")
	}
	for tr, flag := range map[fleet.Transport]string{fleet.UDP: "u1", fleet.TCP: "t1"} {
		t.Run(tr.String(), func(t *testing.T) {
			uas := freePort(t, tr)
			w := newWorld(t)
			w.policy.Upstreams[tr] = []netip.AddrPort{uas}
			w.set(gate.Rule{})
			run(t, sipp, "-sn", "uas", "-t", flag, "-i", "127.0.0.1", "-p", strconv.Itoa(int(uas.Port())), "-nostdin")
			listening(t, tr, uas)

			const calls = 20
			caller := func(n int, hold string) *process {
				return run(t, sipp, "-sn", "uac", "-t", flag, "-i", "127.0.0.1", "-m", strconv.Itoa(n), "-r", "200", "-d", hold,
					"-nostdin", "-timeout", "20s", "-timeout_error", w.addr(tr).String())
			}
			uac := caller(calls, "1000")
			acks := gate.MethodKey{Transport: tr, Method: "ACK", Action: gate.Relay}
			eventually(t, func() bool { return w.g.Stats().ByMethod[acks] >= calls })
			w.set(allDraining)
			if err := uac.wait(); err != nil {
				t.Errorf("calls that were up: %v\n%s", err, uac.out.String())
			}
			if n := w.g.Stats().ByMethod[gate.MethodKey{Transport: tr, Method: "BYE", Action: gate.Relay}]; n < calls {
				t.Errorf("%d of %d BYE passed on", n, calls)
			}
			late := caller(1, "0")
			if err := late.wait(); err == nil {
				t.Error("a caller after the drain was not refused")
			}
			if n := w.g.Stats().Refused; n == 0 {
				t.Error("nothing refused")
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

func (p *process) wait() error { return <-p.done }

func freePort(t *testing.T, tr fleet.Transport) netip.AddrPort {
	t.Helper()
	if tr == fleet.UDP {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	l, err := net.Listen("tcp", loopback.String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

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
