package raftstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// Seed is a state from which new stores can begin.
type Seed struct {
	// ID, Cluster and Dir are as in Config. Dir must hold no store.
	ID      fleet.AgentID
	Cluster string
	Dir     string
	// Members are the voters and others of the new cluster. Several of them may
	// be planted from one Seed, each with its own ID and Dir: they begin alike,
	// as replicas do, and any majority of them can go on.
	Members []Member
	// Index and Term are where the new history begins: beyond what any member
	// may still know of an older one.
	Index, Term uint64
	// Chain is the one that goes on.
	Chain Hash
	// Write writes the state, as the function does that Machine.Snapshot
	// returns.
	Write func(io.Writer) error
	// Reached is as in Config.
	Reached func(point string)
}

// Plant makes a store in an empty directory. It fails with ErrForeignDir when
// there is one already, and with ErrInUse while a process has it open.
func Plant(seed Seed) error {
	if len(seed.Members) == 0 || seed.Index == 0 || seed.Term == 0 {
		return errors.New("plant store: members, index and term are needed")
	}
	if err := validateMembers(seed.ID, seed.Members); err != nil {
		return fmt.Errorf("plant store: %w", err)
	}
	if names := storeFiles(seed.Dir); len(names) > 0 {
		return fmt.Errorf("plant store: %w: %s holds %s", ErrForeignDir, seed.Dir, names[0])
	}
	if err := errors.Join(seed.plant(), stopWaiting(seed.Dir)); err != nil {
		return fmt.Errorf("plant store: %w", err)
	}
	return nil
}

func (seed Seed) plant() error {
	cfg := Config{ID: seed.ID, Cluster: seed.Cluster, Dir: seed.Dir, Logger: zerolog.Nop(), Reached: seed.Reached}
	if err := claimDir(seed.Dir, seed.ID, seed.Cluster); err != nil {
		return err
	}
	d := &disk{}
	if err := d.open(cfg); err != nil {
		return errors.Join(err, d.close())
	}
	return errors.Join(seed.fill(d), d.close())
}

// fill writes the term first: a state without it could be voted out by its own
// past.
func (seed Seed) fill(d *disk) error {
	if err := d.journal.SetUint64([]byte(keyCurrentTerm), seed.Term); err != nil {
		return err
	}
	if err := d.journal.faulty(); err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	points(seed.Reached).at(pointSeedTerm)
	sink, err := d.snapshots.Create(raft.SnapshotVersionMax, seed.Index, seed.Term, serverConfiguration(sorted(seed.Members)), seed.Index, nil)
	if err != nil {
		return err
	}
	if err := writeContent(sink, contentPlace{seed.Index, seed.Term, seed.Chain}, seed.Write); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// sorted makes members that were listed differently begin alike.
func sorted(members []Member) []Member {
	return slices.SortedFunc(slices.Values(members), func(a, b Member) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
}

// storeFiles lists what of a store is in a directory.
func storeFiles(dir string) []string {
	var out []string
	for _, name := range []string{formatName, logName, highWaterName, commitMarkName, lockName, snapshotsDir} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			out = append(out, name)
		}
	}
	return out
}

// Exists reports whether there is a store in a directory, or what is left of one.
func Exists(dir string) bool { return len(storeFiles(dir)) > 0 }

// moveOrder sorts what is to be moved so that a store of which only a part was
// moved is refused, and not taken for a younger one: FORMAT goes first, and a log
// without it is damaged; so the log goes last.
func moveOrder(names []string) {
	rank := map[string]int{formatName: -1, logName: 1}
	slices.SortStableFunc(names, func(a, b string) int { return rank[a] - rank[b] })
}

// SetAside moves the store in a directory, and nothing else that is there, into
// a new one, so that another can take its place. It fails with ErrInUse while a
// process has it open. Nothing is deleted.
func SetAside(dir, to string) error {
	names := storeFiles(dir)
	if len(names) == 0 {
		return nil
	}
	unlock, err := lockFile(filepath.Join(dir, lockName))
	if err != nil {
		return fmt.Errorf("set store aside: %w", err)
	}
	defer unlock() //nolint:errcheck // the file is gone with what it locked
	if err := os.MkdirAll(to, 0o700); err != nil {
		return fmt.Errorf("set store aside: %w", err)
	}
	moveOrder(names)
	for _, name := range names {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(to, name)); err != nil {
			return fmt.Errorf("set store aside: %w", err)
		}
	}
	return errors.Join(wholefile.SyncDir(dir), wholefile.SyncDir(to))
}
