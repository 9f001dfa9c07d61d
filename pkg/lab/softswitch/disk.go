package softswitch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// journal is where the location store is kept on the disk.
	journal = "locations"
	// journalSize is when the journal is begun anew, in octets.
	journalSize = 1 << 20
	// lost is added to the name of a disk that is away.
	lost = ".lost"
)

// disk is the directory in which a softswitch keeps its location store. A
// registration is good only when it is written there. Its owner's mutex guards
// it. The zero value keeps nothing and never fails.
type disk struct {
	dir     string
	written int
}

// mount makes the directory ready. One that was away when the last process was
// killed is put back.
func (d *disk) mount() error {
	if d.dir == "" {
		return nil
	}
	err := os.Rename(d.dir+lost, d.dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(d.dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("mount the disk: %w", err)
	}
	return nil
}

// fail takes the file system away, as a disk does that fails under a program
// that goes on. The store is lost with it.
func (d *disk) fail() error {
	if d.dir == "" {
		return nil
	}
	if err := os.Remove(filepath.Join(d.dir, journal)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("lose the location store: %w", err)
	}
	if err := os.Rename(d.dir, d.dir+lost); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take the disk away: %w", err)
	}
	return nil
}

// write adds a line to the journal.
func (d *disk) write(line string) (err error) {
	if d.dir == "" {
		return nil
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if d.written > journalSize {
		flags, d.written = flags|os.O_TRUNC, 0
	}
	f, err := os.OpenFile(filepath.Join(d.dir, journal), flags, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	n, err := f.WriteString(line + "\n")
	d.written += n
	return err
}
