package raftstore_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// What the process that is to die finds in its environment: its directory and,
// if it is to die at a named point, the point and how often to pass it before.
const (
	crashDirVariable   = "RAFTSTORE_CRASH_DIR"
	crashPointVariable = "RAFTSTORE_CRASH_POINT"
	crashPassVariable  = "RAFTSTORE_CRASH_PASS"
)

// dieAt kills this process when the point is reached for the n-th time.
func dieAt(point string, n int) func(string) {
	var passed atomic.Int64
	return func(now string) {
		if now == point && int(passed.Add(1)) == n {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // not one step more
		}
	}
}

// crashConfig is a store of one member that takes snapshots all the time.
func crashConfig(dir string) (raftstore.Config, *raftstoretest.Machine, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return raftstore.Config{}, nil, err
	}
	m := &raftstoretest.Machine{}
	return raftstore.Config{
		ID:                "alone",
		Dir:               dir,
		Listener:          l,
		Advertise:         "alone:1", // the port differs from life to life
		Members:           []raftstore.Member{{ID: "alone", Address: "alone:1", Voter: true}},
		Machine:           m,
		Logger:            zerolog.Nop(),
		SnapshotThreshold: 20,
		SnapshotInterval:  20 * time.Millisecond,
		TrailingLogs:      10,
	}, m, nil
}

// crashChild appends entries, each one more than the last, and prints each
// when it is acknowledged, until it is killed.
func crashChild(dir string) int {
	cfg, machine, err := crashConfig(dir)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	if point := os.Getenv(crashPointVariable); point != "" {
		n, err := strconv.Atoi(os.Getenv(crashPassVariable))
		if err != nil {
			fmt.Println("error", err)
			return 1
		}
		cfg.Reached = dieAt(point, n)
	}
	store, err := raftstore.Open(cfg)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("begins", strings.Join(machine.Entries(), ",")) // before there is a leader
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		for {
			if _, err := store.Propose(context.Background(), []byte("start")); err == nil {
				return
			}
		}
	}()
	<-ready
	fmt.Println("has", strings.Join(machine.Entries(), ","))
	for i := 0; ; i++ {
		entry := fmt.Sprintf("%d-%d", os.Getpid(), i)
		if _, err := store.Propose(context.Background(), []byte(entry)); err != nil {
			fmt.Println("error", err)
			return 1
		}
		fmt.Println("ack", entry)
	}
}

// TestKillLosesNothing kills the process that appends, at moments of no
// choosing, and finds everything that it had acknowledged, in order.
func TestKillLosesNothing(t *testing.T) {
	kills := 30
	if s := os.Getenv("RAFTSTORE_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	var acked []string
	for range kills {
		acked = append(acked, killedLife(t, dir, acked, 1+random.IntN(60))...)
	}
	lastLife(t, dir, acked)
	t.Logf("%d entries acknowledged over %d kills", len(acked), kills)
}

// TestKillAtNamedPoints lets the process die in the middle of each write there
// is, the first time it comes there and some time later.
func TestKillAtNamedPoints(t *testing.T) {
	dir := t.TempDir()
	var acked []string
	for _, point := range raftstore.CrashPoints {
		for _, n := range []int{1, 3} {
			if point.Once && n > 1 {
				continue
			}
			env := []string{crashPointVariable + "=" + point.Name, crashPassVariable + "=" + strconv.Itoa(n)}
			acked = append(acked, killedLife(t, dir, acked, 0, env...)...)
		}
	}
	if len(acked) < 100 {
		t.Errorf("void: only %d entries were acknowledged", len(acked))
	}
	lastLife(t, dir, acked)
}

// lastLife opens the store in this process and looks for everything that was
// acknowledged.
func lastLife(t *testing.T, dir string, acked []string) {
	t.Helper()
	cfg, machine, err := crashConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	store, err := raftstore.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	raftstoretest.Eventually(t, "a leader", func() bool {
		_, err := store.Propose(t.Context(), []byte("end"))
		return err == nil
	})
	mustContain(t, machine.Entries(), acked)
	if err := store.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// killedLife runs one child until it has acknowledged so many entries, kills it,
// and returns what it had acknowledged. A child that is told a point where to
// die, by env and no number of entries, kills itself.
func killedLife(t *testing.T, dir string, before []string, entries int, env ...string) (acked []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), raftstoretest.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(append(os.Environ(), crashDirVariable+"="+dir), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "begins", "has":
			mustContain(t, strings.Split(rest, ","), before)
		case "ack":
			acked = append(acked, rest)
		default:
			t.Errorf("child: %s", lines.Text())
		}
		if entries > 0 && !killed && len(acked) >= entries {
			killed = true
			// The next entry is under way in the child while it dies.
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = cmd.Wait()
	if st, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || st.Signal() != syscall.SIGKILL || ctx.Err() != nil || killed != (entries > 0) {
		t.Fatalf("child %q did not die as it should: %v, %v", env, err, ctx.Err())
	}
	return acked
}

// mustContain checks that want is a subsequence of have.
func mustContain(t *testing.T, have, want []string) {
	t.Helper()
	i := 0
	for _, w := range want {
		for i < len(have) && have[i] != w {
			i++
		}
		if i == len(have) {
			t.Fatalf("acknowledged entry %s is lost", w)
		}
	}
}
