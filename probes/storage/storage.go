// Package storage writes to a disk as a softswitch does: a small file, made
// durable, read back and compared. It finds the disk that is full, was mounted
// read-only, lost what was written or became slow, while SIP still answers.
package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Prober writes.
type Prober struct{}

// New returns a prober.
func New() *Prober { return &Prober{} }

// size of what is written: one block.
const size = 4096

// prefix of the file's name. One that a crash left behind is visible and
// harmless.
const prefix = ".sipsteer-check-"

// Probe implements probes.Prober. CauseStorage means that it could not be
// written or was not read back as it was written; CauseSlow that it took longer
// than Question.Slow. A disk that hangs blocks the call, which the runner cuts
// at the timeout and counts.
func (p *Prober) Probe(ctx context.Context, spec probes.Spec) probes.Result {
	dir := spec.Question.Dir
	if dir == "" {
		return probes.Failed(health.CauseLocal, "this agent has no such directory")
	}
	start := time.Now()
	if err := roundTrip(ctx, dir); err != nil {
		cause := health.CauseStorage
		if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			cause = health.CauseLocal // this agent may not, or cannot; a softswitch may
		}
		return probes.Failed(cause, words(err))
	}
	took := time.Since(start)
	if limit := spec.Question.Slow; limit > 0 && took > limit {
		r := probes.Failed(health.CauseSlow, fmt.Sprintf("written and read back in %s, more than %s", took.Round(time.Millisecond), limit))
		r.RTT = took
		return r
	}
	return probes.Succeeded(took, "written, synced and read back")
}

// words says what is wrong with a disk.
func words(err error) string {
	switch {
	case errors.Is(err, syscall.EROFS):
		return "the file system is mounted read-only"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "no space is left"
	case errors.Is(err, syscall.EIO):
		return "the disk fails: " + wire.Clean(err.Error())
	}
	return wire.Clean(err.Error())
}

var errDiffers = errors.New("what was read back is not what was written")

// roundTrip writes a file, makes it durable, reads it back and removes it.
func roundTrip(ctx context.Context, dir string) (err error) {
	last := time.Now()
	done := func(what string) {
		wire.Remark(ctx, "%s: %s", what, time.Since(last).Round(time.Microsecond))
		last = time.Now()
	}
	f, err := os.CreateTemp(dir, prefix)
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	done("created " + f.Name())
	want := make([]byte, size)
	_, _ = rand.Read(want) // never fails
	if _, err := f.Write(want); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	done(fmt.Sprintf("wrote %d octets", size))
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	done("synced")
	forget(f)
	got := make([]byte, size)
	if _, err := f.ReadAt(got, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read back: %w", err)
	}
	done("read back")
	if !bytes.Equal(got, want) {
		return errDiffers
	}
	return nil
}
