//go:build unix

package wiretest

import (
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// SServer runs openssl s_server, which chooses its port, until the test ends. It
// returns where it listens and a way to signal it.
func SServer(t testing.TB, args ...string) (netip.AddrPort, func(syscall.Signal)) {
	t.Helper()
	cmd := exec.Command(Program(t, "openssl", "openssl"), append([]string{"s_server", "-accept", "127.0.0.1:0"}, args...)...)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if _, err := cmd.StdinPipe(); err != nil { // at its end the server would leave
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(time.Minute)
	for {
		_, rest, said := strings.Cut(out.String(), "ACCEPT ")
		if line, _, whole := strings.Cut(rest, "\n"); said && whole {
			addr, err := netip.ParseAddrPort(strings.Fields(line)[0])
			if err != nil {
				t.Fatalf("openssl s_server listens at %q: %v", line, err)
			}
			return addr, func(sig syscall.Signal) {
				if err := cmd.Process.Signal(sig); err != nil {
					t.Error(err)
				}
			}
		}
		if time.Now().After(end) {
			t.Fatalf("openssl s_server did not say within a minute where it listens:\n%s", out)
		}
		<-tick.C
	}
}
