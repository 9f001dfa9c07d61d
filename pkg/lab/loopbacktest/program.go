package loopbacktest

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Run runs a program until the test ends, and shows what it said if that fails.
func Run(t testing.TB, program string, args ...string) {
	t.Helper()
	said := &bytes.Buffer{}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(2*time.Second, func() { _ = cmd.Process.Kill() }) // some do not listen to it
		_ = cmd.Wait()
		kill.Stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", program, said)
		}
	})
}
