package raftstore_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/sipsteer/sipsteer/raftstore"
)

const plantDirVariable = "RAFTSTORE_PLANT_DIR"

// restoredText is the state that is planted.
const restoredText = `{"entries":["a","b"],"index":7}`

func plantSeed(dir string) raftstore.Seed {
	return raftstore.Seed{
		ID: "alone", Dir: dir, Members: []raftstore.Member{{ID: "alone", Address: "alone:1", Voter: true}}, Index: 1000, Term: 9,
		Write: func(w io.Writer) error { _, err := io.WriteString(w, restoredText); return err },
	}
}

// plantChild plants a store and dies on the way.
func plantChild(dir string) int {
	seed := plantSeed(dir)
	seed.Reached = dieAt(os.Getenv(crashPointVariable), 1)
	fmt.Println("not killed:", raftstore.Plant(seed))
	return 1
}

// TestKillWhileRestoring kills the process that restores a backup at each point.
// What is left is either whole, or holds nothing that could be taken for a state
// and founds no cluster; and the restore can be repeated.
func TestKillWhileRestoring(t *testing.T) {
	for _, point := range raftstore.PlantPoints {
		t.Run(point, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dir")
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), plantDirVariable+"="+dir, crashPointVariable+"="+point)
			out, err := cmd.CombinedOutput()
			if st, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || st.Signal() != syscall.SIGKILL {
				t.Fatalf("it did not die there: %v: %s", err, out)
			}
			open := func() ([]string, bool) {
				cfg, machine, err := crashConfig(dir)
				if err != nil {
					t.Fatal(err)
				}
				store, err := raftstore.Open(cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer store.Abort() //nolint:errcheck // looked at only
				held := machine.Entries()
				if len(held) == 0 {
					return nil, len(store.Members()) > 0
				}
				return held, true
			}
			if held, member := open(); len(held) == 0 && member || len(held) > 0 && !slices.Equal(held, []string{"a", "b"}) {
				t.Errorf("half a restore holds %q, founded a cluster: %v", held, member)
			}
			if err := raftstore.Plant(plantSeed(dir)); !errors.Is(err, raftstore.ErrForeignDir) {
				t.Errorf("planted over what is there: %v", err)
			}
			if err := raftstore.SetAside(dir, filepath.Join(t.TempDir(), "aside")); err != nil {
				t.Fatal(err)
			}
			if err := raftstore.Plant(plantSeed(dir)); err != nil {
				t.Fatal(err)
			}
			if held, _ := open(); !slices.Equal(held, []string{"a", "b"}) {
				t.Errorf("the repeated restore holds %q", held)
			}
		})
	}
}
