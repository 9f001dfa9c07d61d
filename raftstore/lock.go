package raftstore

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lockName is the file whose lock means that a process has Dir open. bbolt
// locks its own file too, but only after it has begun to read it.
const lockName = "LOCK"

// lockFile takes the lock and returns the function that gives it back. The
// kernel gives it back when the process dies.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	deadline := time.Now().Add(lockTimeout)
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("%w: %s is locked", ErrInUse, path), f.Close())
		}
		<-time.After(20 * time.Millisecond)
	}
}
