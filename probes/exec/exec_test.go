package exec_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/exec"
)

func TestExitCodes(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		outcome      health.Outcome
		cause        health.Cause
		detail       string
	}{
		{"ok", "echo 'DISK OK - 40 % free|/=12GB;20;30'", health.Success, "", "DISK OK - 40 % free"},
		{"warning", "echo low; exit 1", health.Success, "", "warning: low"},
		{"critical", "echo full; echo more; exit 2", health.Failure, health.CauseCritical, "full"},
		{"unknown", "echo what; exit 3", health.NoData, health.CauseLocal, "does not know: what"},
		{"another code", "exit 77", health.NoData, health.CauseLocal, "exit status 77"},
		{"killed", "kill -9 $$", health.NoData, health.CauseLocal, "signal: killed"},
		{"control characters", "printf 'a\\033[2Jb'; exit 2", health.Failure, health.CauseCritical, "a?[2Jb"},
		{"talks without end", "yes | head -c 1000000; exit 2", health.Failure, health.CauseCritical, "y"},
		{"never ends", "sleep 1000 & sleep 1000", health.Failure, health.CauseTimeout, "did not end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			limit := 5 * time.Second
			if tt.cause == health.CauseTimeout {
				limit = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			got := exec.New().Probe(ctx, probes.Spec{Question: probes.Question{Command: []string{"/bin/sh", "-c", tt.script}}})
			if got.Outcome != tt.outcome || got.Cause != tt.cause || !strings.Contains(got.Detail, tt.detail) {
				t.Errorf("%+v, want %v %q %q", got, tt.outcome, tt.cause, tt.detail)
			}
		})
	}
}

// TestWhatItSaidIsShown: whole, and how it ended, but not its arguments.
func TestWhatItSaidIsShown(t *testing.T) {
	ctx, wire := probes.Record(t.Context())
	exec.New().Probe(ctx, probes.Spec{Question: probes.Question{Command: []string{"/bin/sh", "-c", "echo one; echo two; exit 2 # secret"}}})
	var text strings.Builder
	for _, l := range wire.Lines() {
		text.WriteString(l.Text + "\n")
	}
	for _, want := range []string{"/bin/sh is run with 2 arguments", "one\ntwo", "exit status 2"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "secret") {
		t.Errorf("arguments are shown:\n%s", text.String())
	}
}

// TestWhatItStartedDiesToo: a command that is cut leaves nothing running.
func TestWhatItStartedDiesToo(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan probes.Result)
	go func() {
		done <- exec.New().Probe(ctx, probes.Spec{Question: probes.Question{Command: []string{"/bin/sh", "-c", "sleep 1000 & echo $! >" + pidFile + ".tmp; mv " + pidFile + ".tmp " + pidFile + "; wait"}}})
	}()
	var pid []byte
	for len(pid) == 0 {
		pid, _ = os.ReadFile(pidFile)
	}
	cancel()
	<-done
	for { // gone, or a zombie that its new parent has not asked for yet
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
}

func TestCommandsThatAreNone(t *testing.T) {
	for _, argv := range [][]string{nil, {"/no/such/program"}, {"/"}} {
		if got := exec.New().Probe(t.Context(), probes.Spec{Question: probes.Question{Command: argv}}); got.Outcome != health.NoData {
			t.Errorf("%q: %+v", argv, got)
		}
	}
}
