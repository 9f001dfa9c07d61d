package raftstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// waitingName marks the directory of a member that waits to be added.
const waitingName = "WAITING"

// Await makes the next store in a directory one that waits to be added, whatever
// Config.Members says: the others have ended its old membership. It founds
// nothing, and does not vote before its own log says that it is a voter. Else it
// could give a member with an old store, which still counts it as it was, the
// majority of a cluster that was given up. A store that holds something already
// is not changed by it. The mark goes when the store has its first entry, or
// with Plant.
func Await(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make store directory: %w", err)
	}
	const text = "This agent was taken out of its fleet, to be taken in again with an empty store.\n"
	if err := wholefile.Replace(filepath.Join(dir, waitingName), []byte(text)); err != nil {
		return fmt.Errorf("have the store wait to be added: %w", err)
	}
	return nil
}

// founder reports whether this member may found a cluster, or take part in one as
// it did before: it holds something of its past, or it was given the first
// members and does not wait to be added. A term alone is no past: any leader's
// message leaves one.
func (d *disk) founder(dir string, members []Member) (bool, error) {
	last, err := d.journal.LastIndex()
	if err != nil {
		return false, err
	}
	_, newest := d.snapshots.indexes()
	past := last > 0 || newest > 0
	if dir == "" {
		return past || len(members) > 0, nil
	}
	path := filepath.Join(dir, waitingName)
	switch _, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return past || len(members) > 0, nil
	case err != nil:
		return false, fmt.Errorf("look whether the store waits to be added: %w", err)
	case past:
		return true, stopWaiting(dir)
	}
	return false, nil
}

// stopWaiting takes the mark away, if there is one.
func stopWaiting(dir string) error {
	if err := os.Remove(filepath.Join(dir, waitingName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("end the wait to be added: %w", err)
	}
	return nil
}
