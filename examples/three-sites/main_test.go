// Package threesites_test runs the files of this directory as they are: three
// agents as processes of their own, Kamailio as each site's softswitch, baresip
// and SIPp as phones, dig and kdig as resolvers. Only the addresses and the
// trusted authority are written into a copy.
package threesites_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/cli"
)

// runMain makes the test binary behave as the program.
const runMain = "SIPSTEER_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) == "1" {
		os.Exit(program())
	}
	os.Exit(m.Run())
}

func program() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, "test")
}

// result is how one command ended.
type result struct {
	out, err string
	code     int
}

// output runs a command to its end.
func output(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %v: %v", cmd.Args, err)
	}
	return result{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// eventually waits for what other processes must bring about.
func eventually(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(within); !ok(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}
