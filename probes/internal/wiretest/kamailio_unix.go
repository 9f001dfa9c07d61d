//go:build unix

package wiretest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Program finds a program of a Debian package, also where only root looks; the
// test is skipped when it is missing.
func Program(t testing.TB, name, packages string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path := filepath.Join("/usr/sbin", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not installed (Debian: %s)", name, packages)
	}
	return path
}

// Kamailio runs a Kamailio with a configuration until the test ends. It returns
// when up says so; what it printed is shown when the test fails.
func Kamailio(t testing.TB, packages, config string, up func() bool) {
	t.Helper()
	KamailioOf(t, packages, config, 16, up)
}

// KamailioOf is Kamailio with so many megabytes of shared memory. It returns the
// process group.
func KamailioOf(t testing.TB, packages, config string, megabytes int, up func() bool) (group int) {
	t.Helper()
	binary := Program(t, "kamailio", packages)
	dir := t.TempDir()
	file := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	said := &output{}
	cmd := exec.Command(binary, "-f", file, "-DD", "-E", "-m", strconv.Itoa(megabytes), "-M", "4", "-Y", dir, "-w", dir)
	cmd.Stdout, cmd.Stderr = said, said
	// A group of its own: its children end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Skipf("kamailio does not start: %v", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		if t.Failed() {
			t.Logf("kamailio said:\n%s", said)
		}
	})
	late := time.After(time.Minute)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !up() {
		select {
		case <-again.C:
		case <-ended:
			if strings.Contains(said.String(), "could not find module") || strings.Contains(said.String(), "No such file") {
				t.Skipf("kamailio lacks a module (Debian: %s):\n%s", packages, said)
			}
			t.Fatalf("kamailio ended:\n%s", said)
		case <-late:
			t.Fatalf("kamailio did not answer within a minute:\n%s", said)
		}
	}
	return cmd.Process.Pid
}

// output keeps what a program prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
