package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/archive"
)

const (
	// attachedHistory names the history in a backup.
	attachedHistory = "history"
	// incomingPrefix begins the name of a history that is not in its place yet.
	incomingPrefix = "history-incoming-"
)

// BackupHistory is what a backup holds of the past, for people.
type BackupHistory struct {
	Decisions int       `json:"decisions"` // States that were in force
	First     uint64    `json:"first"`     // the oldest epoch
	Last      uint64    `json:"last"`      // the newest one
	Since     time.Time `json:"since"`     // when the oldest came into force
	// Gaps is how many times a part is missing between others.
	Gaps int `json:"gaps,omitempty"`
	// Tables is how many tables of tenants it holds.
	Tables int `json:"tables,omitempty"`
}

// attachment is the history as a backup carries it.
func (p *past) attachment() raftstore.Attachment {
	return raftstore.Attachment{Name: attachedHistory, Write: func(w io.Writer) error {
		p.flush()
		return p.archive.Pack(w)
	}}
}

// unpacked is the history of a backup. The zero value is none.
type unpacked struct {
	archive.Packed
	dir string // where it lies; "" if it was only checked
}

func unpackHistory(r io.Reader, dir string) (unpacked, error) {
	p, err := archive.Unpack(r, dir)
	if err != nil {
		return unpacked{}, fmt.Errorf("read history: %w", err)
	}
	return unpacked{p, dir}, nil
}

func (u unpacked) describe() *BackupHistory {
	if u.Records == 0 {
		return nil
	}
	return &BackupHistory{Decisions: u.Records, First: u.First.Epoch, Last: u.Last.Epoch, Since: u.First.At, Gaps: u.Gaps, Tables: u.Tables}
}

func (u unpacked) discard() error {
	if u.dir == "" {
		return nil
	}
	if err := os.RemoveAll(u.dir); err != nil {
		return fmt.Errorf("remove unpacked history: %w", err)
	}
	return nil
}

// place makes the unpacked history that of the agent. One that is there already
// stays if it holds all of it and no damage; else it is moved aside, never
// deleted.
func (u unpacked) place(dir string) error {
	if u.dir == "" || u.Records == 0 {
		return nil
	}
	path := filepath.Join(dir, historyDir)
	own, err := archive.Open(archive.Config{Dir: path, Logger: zerolog.Nop()})
	if err != nil {
		return fmt.Errorf("look at the history: %w", err)
	}
	enough, err := own.Holds(u.Packed)
	if err := errors.Join(err, own.Close()); err != nil {
		return fmt.Errorf("look at the history: %w", err)
	}
	if enough {
		return nil
	}
	if err := os.Remove(path); err != nil { // not empty
		if err := historyAside(path); err != nil {
			return err
		}
	}
	if err := os.Rename(u.dir, path); err != nil {
		return fmt.Errorf("put the history in its place: %w", err)
	}
	return nil
}

// historyAside moves a history to a name beside it.
func historyAside(path string) error {
	if err := os.Rename(path, path+"-before-"+time.Now().UTC().Format("20060102T150405Z")); err != nil {
		return fmt.Errorf("move the history aside: %w", err)
	}
	return nil
}

// pastAside moves the history away when it has log entries at or beyond the
// place where a restored log begins: what happens from now on would be taken
// for known.
func pastAside(dir string, index uint64) error {
	path := filepath.Join(dir, historyDir)
	kept, err := archive.Open(archive.Config{Dir: path, Logger: zerolog.Nop()})
	if err != nil {
		return err
	}
	last := kept.LastIndex()
	if err := kept.Close(); err != nil || last < index {
		return err
	}
	return historyAside(path)
}
