package threesites_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnit lets systemd read the unit. Only the program's place and the user
// are written into a copy: neither need be on this machine.
func TestUnit(t *testing.T) {
	analyze := peer(t, "systemd-analyze", "systemd")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("sipsteer-agent@.service")
	if err != nil {
		t.Fatal(err)
	}
	const program = "ExecStart=/usr/local/bin/sipsteer agent --config /etc/sipsteer/%i.yaml\n"
	if !strings.Contains(string(text), program) {
		t.Fatalf("the unit does not start the agent with %q", program)
	}
	unit := strings.Replace(string(text), "/usr/local/bin/sipsteer", exe, 1)
	path := filepath.Join(t.TempDir(), "sipsteer-agent@calgary.service")
	if err := os.WriteFile(path, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	// It warns about what it does not know, and exits 0 all the same.
	if r := output(t, exec.Command(analyze, "verify", "--man=no", path)); r.code != 0 || r.err != "" {
		t.Errorf("systemd-analyze verify: exit code %d\n%s%s", r.code, r.out, r.err)
	}
}
