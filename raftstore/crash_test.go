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
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

const crashDirVariable = "RAFTSTORE_CRASH_DIR"

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
	store, err := raftstore.Open(cfg)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
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
	t.Logf("%d entries acknowledged over %d kills", len(acked), kills)
}

// killedLife runs one child until it has acknowledged so many entries, kills it,
// and returns what it had acknowledged.
func killedLife(t *testing.T, dir string, before []string, entries int) (acked []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDirVariable+"="+dir)
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
		case "has":
			mustContain(t, strings.Split(rest, ","), before)
		case "ack":
			acked = append(acked, rest)
		default:
			t.Errorf("child: %s", lines.Text())
		}
		if !killed && len(acked) >= entries {
			killed = true
			// The next entry is under way in the child while it dies.
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || !killed {
		t.Fatalf("child ended by itself: %v", err)
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
