// Package wholefile replaces files so that who reads one finds the old contents or
// the new ones, whole.
package wholefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Suffix ends the name of a file that is not in its place yet. One that a crash
// left behind is overwritten by the next Replace.
const Suffix = ".tmp"

// Replace puts data at path, readable by this user alone, and returns when it is
// durable. When it fails before the last step, which makes the name durable, what
// was at path is there still. Two Replace of one path must not run at a time.
func Replace(path string, data []byte) error {
	if err := put(path, data, (*os.File).Sync); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Put is Replace without waiting for the disk: who reads the file finds it whole,
// also after a crash of this process, but a power cut may lose it.
func Put(path string, data []byte) error {
	return put(path, data, func(*os.File) error { return nil })
}

func put(path string, data []byte, settle func(*os.File) error) error {
	next := path + Suffix
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("create %s: %w", next, err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, settle(f), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", next, err), os.Remove(next))
	}
	if err := os.Rename(next, path); err != nil {
		return errors.Join(fmt.Errorf("put %s in place: %w", path, err), os.Remove(next))
	}
	return nil
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
