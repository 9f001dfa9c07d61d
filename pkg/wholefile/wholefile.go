// Package wholefile replaces files so that who reads one finds the old contents or
// the new ones, whole.
package wholefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Suffix ends the name of a file that is not in its place yet. One that a crash
// left behind is overwritten by the next Replace.
const Suffix = ".tmp"

// Replace puts data at path, readable by this user alone, and returns when it is
// durable. When it fails before the last step, which makes the name durable, what
// was at path is there still. Two Replace of one path must not run at a time.
func Replace(path string, data []byte) error { return ReplaceAs(path, data, 0o600) }

// ReplaceAs is Replace with a mode, whatever the umask.
func ReplaceAs(path string, data []byte, mode fs.FileMode) error {
	if err := put(path, data, mode, (*os.File).Sync); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Put is Replace without waiting for the disk: who reads the file finds it whole,
// also after a crash of this process, but a power cut may lose it.
func Put(path string, data []byte) error { return PutAs(path, data, 0o600) }

// PutAs is Put with a mode, whatever the umask.
func PutAs(path string, data []byte, mode fs.FileMode) error {
	return put(path, data, mode, func(*os.File) error { return nil })
}

func put(path string, data []byte, mode fs.FileMode, settle func(*os.File) error) error {
	f, err := os.OpenFile(path+Suffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return fmt.Errorf("create %s: %w", path+Suffix, err)
	}
	err = f.Chmod(mode) // one that was left may have another
	if err == nil {
		_, err = f.Write(data)
	}
	return place(f, path, errors.Join(err, settle(f)))
}

// Fill makes a file at path of what fill writes, readable by this user alone, and
// returns when it is durable. The file has another name, which ends in Suffix and is
// no one else's, until fill has returned without an error; so fill may also read back
// what it wrote, and several Fill of one path may run at a time. A crash leaves the
// unfinished file.
func Fill(path string, fill func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+Suffix)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err := place(f, path, err); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// place gives a file its name, or removes it after an error.
func place(f *os.File, path string, err error) error {
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(fmt.Errorf("put %s in place: %w", path, err), os.Remove(f.Name()))
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
