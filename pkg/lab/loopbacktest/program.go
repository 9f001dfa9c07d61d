package loopbacktest

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
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
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", program, said)
		}
	})
}
