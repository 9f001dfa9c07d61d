package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxFile bounds a file; a fleet of a thousand services is far smaller.
const maxFile = 4 << 20

// readFile reads a file within bounds. The error is an *Error.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fileError(path, "", "no such file")
	case errors.Is(err, fs.ErrPermission):
		return nil, fileError(path, "let the user that runs sipsteer read it", "no permission to read it")
	case err != nil:
		return nil, fileError(path, "", "%v", reason(err))
	}
	defer f.Close() // nothing was written
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fileError(path, "name the file in it", "is a directory")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fileError(path, "", "%v", reason(err))
	case len(data) > maxFile:
		return nil, tooLarge(path)
	}
	return data, nil
}

func tooLarge(path string) *Error {
	return fileError(path, "is it the right file?", "is larger than %d MiB", maxFile>>20)
}

// reason leaves the path out of a file error, which is told anyway.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// CheckPrivate refuses a key file that others may read or change.
func CheckPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at key %s: %w", path, reason(err))
	}
	if info.IsDir() {
		return fmt.Errorf("look at key %s: is a directory", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("look at key %s: mode %04o lets others in, at most 0600", path, mode)
	}
	return nil
}
