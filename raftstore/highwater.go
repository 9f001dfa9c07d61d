package raftstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"sync"

	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// highWater remembers, outside of the log file, how far the log had come and
// which term was promised. The log file cannot say that itself: its newest page
// gone bad, or an old copy of it put back, looks just like an older, healthy
// log, and a member that has forgotten what it acknowledged can elect a leader
// that never had it.
//
// The mark is written after the log, without fsync: the kernel keeps it over a
// crash of the process, and after a power cut it may be behind, never ahead.
// Lowering it is synced, for the same reason.
//
// The file holds: magic "sRhw", index, term, term of the last vote, CRC-32C of
// the candidate, CRC-32C of all that; integers big endian.
type highWater struct {
	file *os.File

	mu sync.Mutex
	// guarded by mu:
	index, term, voted uint64
	vote               uint32
}

const (
	highWaterName  = "HIGH-WATER"
	highWaterMagic = "sRhw"
	highWaterSize  = 4 + 8 + 8 + 8 + 4 + 4
)

// openHighWater opens or makes the file.
func openHighWater(path string) (*highWater, error) {
	b, err := os.ReadFile(path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return nil, fmt.Errorf("read high water mark: %w", err)
	}
	h := &highWater{}
	if !missing {
		if err := h.decode(b); err != nil {
			return nil, &DamageError{File: path, Reason: err.Error()}
		}
	}
	if missing { // whole or not at all: an empty one would be refused for ever
		if err := wholefile.Replace(path, h.encode()); err != nil {
			return nil, fmt.Errorf("make high water mark: %w", err)
		}
	}
	if h.file, err = os.OpenFile(path, os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("open high water mark: %w", err)
	}
	return h, nil
}

// decode sets h to what the file holds.
func (h *highWater) decode(b []byte) error {
	if len(b) != highWaterSize || string(b[:4]) != highWaterMagic {
		return errors.New("not a high water mark")
	}
	end := highWaterSize - crc32.Size
	if binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli()) {
		return errors.New("checksum does not match")
	}
	h.index = binary.BigEndian.Uint64(b[4:])
	h.term = binary.BigEndian.Uint64(b[12:])
	h.voted = binary.BigEndian.Uint64(b[20:])
	h.vote = binary.BigEndian.Uint32(b[28:])
	return nil
}

// encode returns the file's contents.
func (h *highWater) encode() []byte {
	b := append(make([]byte, 0, highWaterSize), highWaterMagic...)
	b = binary.BigEndian.AppendUint64(b, h.index)
	b = binary.BigEndian.AppendUint64(b, h.term)
	b = binary.BigEndian.AppendUint64(b, h.voted)
	b = binary.BigEndian.AppendUint32(b, h.vote)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

// save must be called with mu held.
func (h *highWater) save() error {
	if _, err := h.file.WriteAt(h.encode(), 0); err != nil {
		return fmt.Errorf("write high water mark: %w", err)
	}
	return nil
}

// reached notes that everything up to index is on disk.
func (h *highWater) reached(index uint64) error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if index <= h.index {
		return nil
	}
	h.index = index
	return h.save()
}

// promised notes that term is on disk.
func (h *highWater) promised(term uint64) error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if term <= h.term {
		return nil
	}
	h.term = term
	return h.save()
}

// votedFor notes that the vote is on disk.
func (h *highWater) votedFor(term uint64, vote uint32) error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.voted, h.vote = term, vote
	return h.save()
}

// lower notes, on disk, that the log is about to end at index.
func (h *highWater) lower(index uint64) error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if index >= h.index {
		return nil
	}
	h.index = index
	if err := h.save(); err != nil {
		return err
	}
	if err := h.file.Sync(); err != nil {
		return fmt.Errorf("sync high water mark: %w", err)
	}
	return nil
}

// close closes the file.
func (h *highWater) close() error {
	if h == nil {
		return nil
	}
	return h.file.Close()
}
