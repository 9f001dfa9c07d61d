package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

// Backup implements api.Backend.
func (a *Agent) Backup(_ context.Context, w io.Writer, history bool) error {
	var with raftstore.Attachment
	if history {
		with = a.past.attachment()
	}
	_, err := a.store.BackupWith(w, with)
	return err
}

// BackupContents is what a backup file holds, for people.
type BackupContents struct {
	raftstore.BackupInfo
	Epoch    uint64 `json:"epoch"`
	Zone     string `json:"zone"`
	Sites    int    `json:"sites"`
	Services int    `json:"services"`
	Drains   int    `json:"drains"`
	Records  int    `json:"records"` // record sets that it answers
	// Operators is how many tokens go on to be good.
	Operators int `json:"operators"`
	// History is what it holds of the past; nil is nothing.
	History *BackupHistory `json:"history,omitempty"`

	held content
	past unpacked
}

// ReadBackup reads and checks a whole backup file, its history too.
func ReadBackup(r io.Reader) (BackupContents, error) { return readBackup(r, "") }

// UnpackBackup is ReadBackup for Restore: it lays the history down beside its
// place in the agent's data directory, dir.
func UnpackBackup(r io.Reader, dir string) (BackupContents, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return BackupContents{}, fmt.Errorf("make data directory: %w", err)
	}
	staged, err := os.MkdirTemp(dir, incomingPrefix)
	if err != nil {
		return BackupContents{}, fmt.Errorf("make directory: %w", err)
	}
	c, err := readBackup(r, staged)
	if err != nil || c.History == nil {
		err = errors.Join(err, os.RemoveAll(staged))
	}
	return c, err
}

func readBackup(r io.Reader, staged string) (BackupContents, error) {
	var held content
	past := unpacked{}
	info, err := raftstore.ReadBackup(r, func(r io.Reader) (err error) {
		held, err = decodeContent(r)
		return err
	}, func(name string, r io.Reader) (err error) {
		if name != attachedHistory {
			return nil // of a newer program
		}
		past, err = unpackHistory(r, staged)
		return err
	})
	if err != nil {
		return BackupContents{}, err
	}
	c := describe(info, held)
	c.past, c.History = past, past.describe()
	return c, nil
}

// describe says what is held.
func describe(info raftstore.BackupInfo, held content) BackupContents {
	state := held.state
	c := BackupContents{BackupInfo: info, Epoch: state.Epoch, Operators: len(held.registry.Operators), held: held}
	if state.Fleet != nil {
		zone := steer.Records(state)
		c.Zone, c.Sites, c.Services = state.Fleet.Zone, len(state.Fleet.Sites), len(state.Fleet.Services)
		c.Drains, c.Records = len(state.Drains), len(zone.Sets)
	}
	return c
}

// restoreJump is what a restore adds to the epoch, the revision, and the index
// and term of the log. They must not go back, and nobody knows how far the lost
// fleet had come since the backup: it is more than a fleet decides in years. An
// agent that was not restored is behind the others by it and follows them.
const restoreJump = raftstore.Generation

// RestoreTarget is the agent that is to begin from a backup.
type RestoreTarget struct {
	Name fleet.AgentID
	// Dir is the agent's data directory. A store in it is moved to a directory
	// beside it, which is returned, if Replace is set; else it is an error.
	Dir     string
	Replace bool
	// Members are all agents of the new cluster. Each is restored from the same
	// file.
	Members []raftstore.Member
	// Recovered says that the contents are this agent's own.
	Recovered bool
	// By and Reason go into the audit trail.
	By, Reason string
}

// Restore makes the store of a new cluster from a backup. The agent must not
// run. It returns where an older store was moved to, if there was one. A history
// that was unpacked takes its place, or is removed.
func Restore(c BackupContents, to RestoreTarget) (aside string, err error) {
	defer func() { err = errors.Join(err, c.past.discard()) }()
	held := c.held
	held.state = restored(c, to)
	if !to.Recovered { // else the same agents come back
		held.registry = held.registry.Refounded()
	}
	seed := raftstore.Seed{
		ID: to.Name, Dir: to.Dir, Members: to.Members, Index: c.Index + restoreJump, Term: c.Term + restoreJump, Chain: c.Chain,
		Write: held.encode,
	}
	if to.Replace {
		aside = filepath.Join(to.Dir, "replaced-"+time.Now().UTC().Format("20060102T150405Z"))
		if err := raftstore.SetAside(to.Dir, aside); err != nil {
			return "", err
		}
		if _, err := os.Stat(aside); err != nil {
			aside = "" // there was none
		}
	}
	if err := pastAside(to.Dir, seed.Index); err != nil {
		return aside, fmt.Errorf("look at the history: %w", err)
	}
	if err := raftstore.Plant(seed); err != nil {
		return aside, err
	}
	return aside, c.past.place(to.Dir)
}

// restored is the State that a restored fleet begins with: the same on every
// agent that is restored from the same file.
func restored(c BackupContents, to RestoreTarget) steer.State {
	s := c.held.state
	s.Epoch += restoreJump
	s.Revision += restoreJump
	event := &steer.Event{
		Epoch: s.Epoch, Revision: s.Revision, At: s.Now, Kind: steer.EventRestored, By: to.By, Reason: to.Reason,
		Text: what(c, to),
	}
	s.Events = append(s.Events[:len(s.Events):len(s.Events)], event)
	s.Events = s.Events[max(0, len(s.Events)-steer.MaxEvents):]
	return s
}

func what(c BackupContents, to RestoreTarget) string {
	if to.Recovered {
		return fmt.Sprintf("fleet recovered from what agent %s had, epoch %d", c.Agent, c.Epoch)
	}
	return fmt.Sprintf("fleet restored from the backup that %s took at %s, epoch %d", c.Agent, c.TakenAt.UTC().Format(time.DateTime), c.Epoch)
}

// Drill is how a practice restore went.
type Drill struct {
	Took    time.Duration `json:"took"` // from the file's first octet to answers
	Records int           `json:"records"`
	Epoch   uint64        `json:"epoch"`
}

// RunDrill restores a backup into a scratch cluster of one that opens no port, in
// a directory that it removes, and measures until that has a leader and a zone to answer.
func RunDrill(ctx context.Context, file io.Reader) (d Drill, err error) {
	start := time.Now()
	dir, err := os.MkdirTemp("", "sipsteer-drill-")
	if err != nil {
		return d, fmt.Errorf("make scratch directory: %w", err)
	}
	defer os.RemoveAll(dir)
	contents, err := UnpackBackup(file, dir)
	if err != nil {
		return d, err
	}
	alone := []raftstore.Member{{ID: "drill", Address: deafAddress, Voter: true}}
	if _, err := Restore(contents, RestoreTarget{Name: "drill", Dir: dir, Members: alone, By: "drill"}); err != nil {
		return d, fmt.Errorf("restore: %w", err)
	}
	var zone srv.Zone
	m := newMachine(zerolog.Nop(), func(s steer.State) { zone = steer.Records(s) })
	led := make(chan struct{})
	store, err := raftstore.Open(raftstore.Config{
		ID: "drill", Dir: dir, Listener: newDeaf(), Advertise: deafAddress, Machine: m, Logger: zerolog.Nop(),
		Lead: func(ctx context.Context, _ uint64) { close(led); <-ctx.Done() },
	})
	if err != nil {
		return d, fmt.Errorf("open restored store: %w", err)
	}
	defer store.Abort() //nolint:errcheck // the directory goes away
	select {
	case <-led:
	case <-ctx.Done():
		return d, fmt.Errorf("wait for the scratch cluster: %w", ctx.Err())
	}
	return Drill{Took: time.Since(start), Records: len(zone.Sets), Epoch: m.State().Epoch}, nil
}
