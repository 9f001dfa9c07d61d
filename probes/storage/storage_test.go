package storage_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/storage"
)

func ask(t *testing.T, q probes.Question) probes.Result {
	t.Helper()
	return storage.New().Probe(t.Context(), probes.Spec{Question: q})
}

func TestGoodDisk(t *testing.T) {
	dir := t.TempDir()
	if got := ask(t, probes.Question{Dir: dir}); got.Outcome != health.Success || got.RTT <= 0 {
		t.Errorf("%+v", got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if got := ask(t, probes.Question{Dir: dir, Slow: time.Nanosecond}); got.Cause != health.CauseSlow {
		t.Errorf("slow: %+v", got)
	}
}

// TestStepsAreShown: which one is slow is what an operator asks next.
func TestStepsAreShown(t *testing.T) {
	ctx, wire := probes.Record(t.Context())
	storage.New().Probe(ctx, probes.Spec{Question: probes.Question{Dir: t.TempDir()}})
	var steps []string
	for _, l := range wire.Lines() {
		step, _, _ := strings.Cut(l.Text, " ")
		steps = append(steps, strings.TrimSuffix(step, ":"))
	}
	if got := strings.Join(steps, " "); got != "created wrote synced read" {
		t.Errorf("steps %q", got)
	}
}

func TestNoDirectory(t *testing.T) {
	if got := ask(t, probes.Question{Dir: filepath.Join(t.TempDir(), "gone")}); got.Cause != health.CauseStorage {
		t.Errorf("a directory that is gone: %+v", got)
	}
	if got := ask(t, probes.Question{}); got.Outcome != health.NoData {
		t.Errorf("none: %+v", got)
	}
}

// child makes this test binary probe a directory in a namespace of its own.
const child = "SIPSTEER_TEST_STORAGE_DIR"

// TestChild is run by TestSickDisks.
func TestChild(t *testing.T) {
	dir := os.Getenv(child)
	if dir == "" {
		t.Skip("run by TestSickDisks inside a namespace")
	}
	got := ask(t, probes.Question{Dir: dir})
	t.Logf("RESULT %s %s", got.Cause, got.Detail)
}

// TestSickDisks mounts a small disk in a mount namespace of its own, and makes
// it full and read-only.
func TestSickDisks(t *testing.T) {
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("unshare is not installed (Debian package util-linux)")
	}
	if out, err := exec.Command(unshare, "-m", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace of our own: %v %s (needs root)", err, out)
	}
	for _, tt := range []struct{ name, sick, want string }{
		{"well", "true", "RESULT  written"},
		{"full", "dd if=/dev/zero of=$D/fill bs=4096 2>/dev/null; true", "RESULT storage no space is left"},
		{"read-only", "mount -o remount,ro $D", "RESULT storage the file system is mounted read-only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			script := "mount -t tmpfs -o size=64k none $D && (" + tt.sick + ") && exec " + os.Args[0] + " -test.run '^TestChild$' -test.v"
			cmd := exec.Command(unshare, "-m", "/bin/sh", "-c", script)
			cmd.Env = append(os.Environ(), "D="+dir, child+"="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), tt.want) {
				t.Errorf("%v, want %q:\n%s", err, tt.want, out)
			}
		})
	}
}
