package divert

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// elsewhere is a second network namespace, where the phones are: a thread that
// lives in it. What is opened on it stays there.
type elsewhere struct {
	work chan func()
	tid  int
}

// newElsewhere joins it to this namespace by a pair of interfaces, near with the
// addresses here and far with those there.
func newElsewhere(t *testing.T, here, there []string) *elsewhere {
	t.Helper()
	e := &elsewhere{work: make(chan func())}
	started := make(chan error)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		e.tid = unix.Gettid()
		started <- unix.Unshare(unix.CLONE_NEWNET)
		for f := range e.work {
			f()
		}
	}()
	t.Cleanup(func() { close(e.work); <-ended })
	if err := <-started; err != nil {
		t.Skipf("no second network namespace: %v", err)
	}
	ip := func(args ...string) {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Errorf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	ip("link", "set", "lo", "up")
	ip("link", "add", "near", "type", "veth", "peer", "name", "far", "netns", fmt.Sprint(e.tid))
	for _, a := range here {
		ip("addr", "add", a, "dev", "near", "nodad")
	}
	ip("link", "set", "near", "up")
	e.do(func() {
		for _, a := range there {
			ip("addr", "add", a, "dev", "far", "nodad")
		}
		ip("link", "set", "far", "up")
	})
	if t.Failed() {
		t.FailNow()
	}
	return e
}

func (e *elsewhere) do(f func()) {
	done := make(chan struct{})
	e.work <- func() { defer close(done); f() }
	<-done
}

// holder is a process in this namespace that has put the rules and waits.
func holder(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestNftablesHolder$")
	cmd.Env = append(os.Environ(), "SIPSTEER_TEST_HOLDER=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil { // it ends with this process, at the latest
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "holding\n" {
		t.Fatalf("the other process says %q: %v", line, err)
	}
	return cmd
}
