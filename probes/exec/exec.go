// Package exec runs a command of the operator's and reads its exit code as
// Nagios does, so that the plugins that are there already serve. The command
// stands in the agent's own file, never in the fleet's.
package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Prober runs commands.
type Prober struct{}

// New returns a prober.
func New() *Prober { return &Prober{} }

// Exit codes of Nagios plugins (monitoring-plugins development guidelines).
const (
	ok = iota
	warning
	critical
	unknown
)

// lastWords is how long a command that was killed may hold its output open.
const lastWords = 100 * time.Millisecond

// Probe implements probes.Prober: 0 and 1 are successes, 2 is CauseCritical, 3
// is no data. A command that cannot be run, or ends in another way, is no data
// either: that is the agent's trouble. One that does not end in time is killed
// with all that it started, CauseTimeout. The numbers behind the bar of its
// output are the result's.
func (p *Prober) Probe(ctx context.Context, spec probes.Spec) probes.Result {
	out := &capped{}
	res := run(ctx, spec, out)
	wire.Remark(ctx, "it said:\n%s", out.buf.String())
	res.Numbers = perfdata(out.buf.String())
	return res
}

func run(ctx context.Context, spec probes.Spec, out *capped) probes.Result {
	start := time.Now()
	if len(spec.Question.Command) == 0 {
		return probes.Failed(health.CauseLocal, "this agent has no such command")
	}
	// Arguments may hold passwords.
	wire.Remark(ctx, "%s is run with %d arguments", spec.Question.Command[0], len(spec.Question.Command)-1)
	cmd := exec.CommandContext(ctx, spec.Question.Command[0], spec.Question.Command[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = lastWords
	cmd.Stdout = out
	err := cmd.Run()
	if cmd.ProcessState != nil {
		wire.Remark(ctx, "%s after %s", cmd.ProcessState, time.Since(start).Round(time.Millisecond))
	}
	said := out.text()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return probes.Failed(health.CauseTimeout, "the command did not end in time")
	case err == nil:
		return probes.Succeeded(time.Since(start), said)
	case !errors.As(err, &exit):
		return probes.Failed(health.CauseLocal, "the command cannot be run: "+wire.Clean(err.Error()))
	}
	switch exit.ExitCode() {
	case warning:
		return probes.Succeeded(time.Since(start), "warning: "+said)
	case critical:
		r := probes.Failed(health.CauseCritical, said)
		r.RTT = time.Since(start)
		return r
	case unknown:
		return probes.Failed(health.CauseLocal, "the command does not know: "+said)
	}
	return probes.Failed(health.CauseLocal, fmt.Sprintf("the command ended with %s, which is no answer: %s", wire.Clean(exit.Error()), said))
}

// capped keeps the beginning of what a command says.
type capped struct{ buf bytes.Buffer }

const maxOutput = 4 << 10

// Write implements io.Writer; it never fails, so that the command goes on.
func (c *capped) Write(b []byte) (int, error) {
	if room := maxOutput - c.buf.Len(); room > 0 {
		c.buf.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

// text is the first line, without the numbers for graphs after the bar.
func (c *capped) text() string {
	line, _, _ := strings.Cut(c.buf.String(), "\n")
	line, _, _ = strings.Cut(line, "|")
	return wire.Clean(strings.TrimSpace(line))
}
