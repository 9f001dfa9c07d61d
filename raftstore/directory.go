package raftstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Names inside Dir.
const (
	formatName   = "FORMAT"
	logName      = "log.db"
	snapshotsDir = "snapshots"
)

// dirFormat is the version of everything in Dir. A newer one is refused.
const dirFormat = 1

// identity is the contents of the file FORMAT: whose directory this is.
type identity struct {
	Format  int           `json:"format"`
	ID      fleet.AgentID `json:"id"`
	Cluster string        `json:"cluster"`
}

// claimDir makes the directory if it is missing and refuses one that belongs
// to another agent, another fleet or a newer program.
func claimDir(dir string, id fleet.AgentID, cluster string) error {
	if err := os.MkdirAll(filepath.Join(dir, snapshotsDir), 0o700); err != nil {
		return fmt.Errorf("make store directory: %w", err)
	}
	path := filepath.Join(dir, formatName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, logName)); err == nil {
			return &DamageError{File: path, Reason: "it is missing, beside a log"}
		}
		return writeSynced(path, identity{Format: dirFormat, ID: id, Cluster: cluster}.encode())
	}
	if err != nil {
		return fmt.Errorf("read store identity: %w", err)
	}
	var have identity
	// What is read must be what encode writes, to the octet: then no flipped
	// bit goes unseen.
	if err := json.Unmarshal(b, &have); err != nil || !bytes.Equal(b, have.encode()) {
		return &DamageError{File: path, Reason: "not the contents that were written"}
	}
	switch {
	case have.Format != dirFormat:
		return fmt.Errorf("%w: %s has format %d, this program knows %d", ErrForeignDir, dir, have.Format, dirFormat)
	case have.ID != id:
		return fmt.Errorf("%w: %s is agent %q's, this is agent %q", ErrForeignDir, dir, have.ID, id)
	case cluster != "" && have.Cluster != cluster:
		return fmt.Errorf("%w: %s is of fleet %q, this agent is of %q", ErrForeignDir, dir, have.Cluster, cluster)
	}
	return nil
}

// encode returns the only accepted form.
func (i identity) encode() []byte {
	sum := valueSum([]byte(formatName), fmt.Appendf(nil, "%d\x00%s\x00%s", i.Format, i.ID, i.Cluster))
	b, err := json.Marshal(struct {
		identity
		Sum string `json:"sum"`
	}{i, fmt.Sprintf("%08x", sum)})
	if err != nil {
		return nil // strings and an int always encode
	}
	return append(b, '\n')
}

// writeSynced writes a file so that after a power cut it is there whole or not
// at all.
func writeSynced(path string, b []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("create %s: %w", tmp, err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", tmp, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("put %s in place: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
