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
	"github.com/sipsteer/sipsteer/pkg/wholefile"
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
		return wholefile.Replace(path, identity{Format: dirFormat, ID: id, Cluster: cluster}.encode())
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
