package exec_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/exec"
)

// plugins is where Debian installs those of the Monitoring Plugins Project.
const plugins = "/usr/lib/nagios/plugins/"

// TestPluginsOfNagios: programs that others wrote, as operators have them already:
// their exit codes, what they say, and their numbers.
func TestPluginsOfNagios(t *testing.T) {
	if _, err := os.Stat(plugins + "check_dummy"); err != nil {
		t.Skip("the plugins of Nagios are not installed (Debian: monitoring-plugins-basic)")
	}
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	port := fmt.Sprint(open.Addr().(*net.TCPAddr).Port)
	for _, tt := range []struct {
		argv    []string
		outcome health.Outcome
		cause   health.Cause
		says    string
		numbers []string
	}{
		{[]string{"check_dummy", "0", "all well"}, health.Success, "", "OK: all well", nil},
		{[]string{"check_dummy", "1", "so so"}, health.Success, "", "warning: WARNING: so so", nil},
		{[]string{"check_dummy", "2", "dead"}, health.Failure, health.CauseCritical, "CRITICAL: dead", nil},
		{[]string{"check_dummy", "3", "who knows"}, health.NoData, health.CauseLocal, "does not know: UNKNOWN: who knows", nil},
		{[]string{"check_tcp", "-H", "127.0.0.1", "-p", port}, health.Success, "", "TCP OK", []string{"time"}},
		{[]string{"check_disk", "-w", "0%", "-c", "0%", "-p", "/"}, health.Success, "", "DISK OK", []string{"/"}},
		{[]string{"check_load", "-w", "9999,9999,9999", "-c", "9999,9999,9999"}, health.Success, "", "load average", []string{"load1", "load5", "load15"}},
		{[]string{"check_procs", "-c", "1000000:"}, health.Failure, health.CauseCritical, "PROCS CRITICAL", []string{"procs"}},
		{[]string{"check_load"}, health.NoData, health.CauseLocal, "does not know", nil}, // its arguments are missing
	} {
		t.Run(strings.Join(tt.argv, " "), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			got := exec.New().Probe(ctx, probes.Spec{Question: probes.Question{Command: append([]string{plugins + tt.argv[0]}, tt.argv[1:]...)}})
			if got.Outcome != tt.outcome || got.Cause != tt.cause || !strings.Contains(got.Detail, tt.says) {
				t.Errorf("%+v, want %v %q %q", got, tt.outcome, tt.cause, tt.says)
			}
			for _, label := range tt.numbers {
				if _, there := got.Numbers[label]; !there {
					t.Errorf("no number %q in %v", label, got.Numbers)
				}
			}
		})
	}
}
