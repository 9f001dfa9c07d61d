package lab_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/pkg/cli"
	"github.com/sipsteer/sipsteer/pkg/lab"
)

// runMain makes the test binary behave as the program, which the lab starts its
// agents from.
const runMain = "SIPSTEER_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) == "1" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, "test")
		stop()
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// config is a lab's in dir, on addresses that other tests do not use: the
// process ID spreads runs apart, and tests of the program begin at 20.
func config(t *testing.T, dir string) lab.Config {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(runMain, "1") // the agents inherit it
	return lab.Config{Dir: dir, Net: 251 + os.Getpid()%3, Interval: time.Second, Executable: exe}
}

func newLab(t *testing.T, cfg lab.Config) *lab.Lab {
	t.Helper()
	l, err := lab.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLab gives a running lab good and bad orders over its socket, and starts
// others on its directory.
func TestLab(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real processes; left out by -short")
	}
	cfg := config(t, t.TempDir())
	l := newLab(t, cfg)
	if err := l.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
	})
	socket := filepath.Join(cfg.Dir, "control.sock")

	t.Run("bad orders change nothing", func(t *testing.T) {
		for _, order := range []struct{ site, fault, says string }{
			{"paris", "down", `no site is called "paris" (one of calgary, ottawa, vancouver)`},
			{"", "down", `no site is called ""`},
			{"paris", "", `no site is called "paris"`},
			{"calgary", "tired", `no fault is called "tired" (one of down, hang`},
		} {
			_, err := lab.Order(t.Context(), socket, order.site, order.fault)
			var usage *lab.UsageError
			if !errors.As(err, &usage) || !strings.Contains(usage.Message, order.says) {
				t.Errorf("break %q %q: %v, want %q", order.site, order.fault, err, order.says)
			}
		}
		for _, body := range []string{"", "{", "[]", `{"site":7}`, `{"site":"calgary","fault":"` + strings.Repeat("x", 5000) + `"}`} {
			if code, answer := post(t, socket, body); code != http.StatusBadRequest || !strings.Contains(answer, `"error":"`) {
				t.Errorf("body %.20q: status %d, %s", body, code, answer)
			}
		}
		if faults := l.Faults(); len(faults) != 0 {
			t.Errorf("broken now: %v", faults)
		}
	})

	t.Run("faults add up and heal", func(t *testing.T) {
		pid := l.AgentPID("ottawa")
		order := func(fault, want string) {
			t.Helper()
			faults, err := lab.Order(t.Context(), socket, "ottawa", fault)
			if err != nil || faults["ottawa"] != want || len(faults) > 1 {
				t.Fatalf("after %q: %v, %v; want %q", fault, faults, err, want)
			}
		}
		order("hang", "hang")
		order("down", "down") // the softswitch has one fault at a time
		order("partition", "down, partition")
		order("agent-kill", "down, partition, agent-kill")
		if l.AgentPID("ottawa") != 0 || syscall.Kill(pid, 0) == nil {
			t.Errorf("agent %d lives after agent-kill", pid)
		}
		order("agent-kill", "down, partition, agent-kill")
		order("", "")
		if now := l.AgentPID("ottawa"); now == 0 || now == pid {
			t.Errorf("agent after heal: process %d, was %d", now, pid)
		}
		order("", "")
	})

	t.Run("one lab in a directory", func(t *testing.T) {
		wantUsage(t, newLab(t, cfg).Up(t.Context()), "a lab is already running in "+cfg.Dir)
	})
}

// TestOtherAddresses: a directory is not continued on other addresses, where
// its fleet would never come up.
func TestOtherAddresses(t *testing.T) {
	cfg := config(t, t.TempDir())
	if err := os.WriteFile(filepath.Join(cfg.Dir, "client.yaml"), []byte("format: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantUsage(t, newLab(t, cfg).Up(t.Context()), "holds a lab at other addresses than")
}

// TestLongPath: a socket's path is short, whatever the system says about it.
func TestLongPath(t *testing.T) {
	cfg := config(t, filepath.Join(t.TempDir(), strings.Repeat("d", 100)))
	wantUsage(t, newLab(t, cfg).Up(t.Context()), "too long for a socket")
	if _, err := os.Stat(cfg.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory was made: %v", err)
	}
}

// TestNoLab: an order to nobody says so.
func TestNoLab(t *testing.T) {
	if _, err := lab.Order(t.Context(), filepath.Join(t.TempDir(), "control.sock"), "calgary", "down"); !errors.Is(err, lab.ErrNoLab) {
		t.Errorf("order to nobody: %v", err)
	}
}

func wantUsage(t *testing.T, err error, says string) {
	t.Helper()
	var usage *lab.UsageError
	if !errors.As(err, &usage) || !strings.Contains(usage.Message, says) {
		t.Errorf("%v, want %q", err, says)
	}
}

// post sends a body that the program would not.
func post(t *testing.T, socket, body string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	resp, err := client.Post("http://lab/", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
