package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// stopGrace is how long an agent has to end by itself.
const stopGrace = 5 * time.Second

// child is one agent as a process of its own.
type child struct {
	site fleet.SiteID
	exe  string
	dir  string

	mu   sync.Mutex
	cmd  *exec.Cmd      // guarded by mu; nil when not running
	done chan struct{}  // closed when cmd has ended
	line io.WriteCloser // lifeline: the agent ends when it closes, however the lab ends
	err  error          // of the last end
}

// start runs the agent. It lives no longer than this process: it holds the
// other end of a pipe, and ends when the pipe does.
func (c *child) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd != nil {
		return nil
	}
	cmd := exec.Command(c.exe, "agent", "--config", filepath.Join(c.dir, string(c.site)+".yaml"), "--lifeline")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is the lab's to pass on
	line, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("make lifeline: %w", err)
	}
	out, err := os.OpenFile(filepath.Join(c.dir, string(c.site)+".out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open output file: %w", err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start agent %s: %w", c.site, err)
	}
	done := make(chan struct{})
	c.cmd, c.line, c.done = cmd, line, done
	go func() { // ends with the process; stop and kill wait for it
		err := cmd.Wait()
		c.mu.Lock()
		c.cmd, c.err = nil, err
		c.mu.Unlock()
		close(done)
	}()
	return nil
}

// kill ends the agent as kill -9 does.
func (c *child) kill() error {
	c.mu.Lock()
	cmd, done := c.cmd, c.done
	c.mu.Unlock()
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill agent %s: %w", c.site, err)
	}
	<-done
	return nil
}

// stop asks the agent to end, and kills it when it does not.
func (c *child) stop(ctx context.Context) error {
	c.mu.Lock()
	cmd, done, line := c.cmd, c.done, c.line
	c.mu.Unlock()
	if cmd == nil {
		return nil
	}
	line.Close()
	ctx, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("agent %s did not end in time", c.site), c.kill())
	}
}

// running reports whether the process lives, and else what it said last.
func (c *child) running() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd != nil {
		return true, nil
	}
	return false, fmt.Errorf("agent %s ended (%v): %s", c.site, c.err, lastLines(filepath.Join(c.dir, string(c.site)+".out"), 3))
}

// pid is the process ID, or 0.
func (c *child) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil {
		return 0
	}
	return c.cmd.Process.Pid
}

func lastLines(path string, n int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}
