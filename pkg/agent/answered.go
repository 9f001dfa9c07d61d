package agent

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// answeredMark remembers the newest epoch that this agent has begun to answer. The
// file of the served State is written behind the answers, so after a crash it may
// hold an older one: then the mark says that the log has something newer, and
// nothing older is answered while that is read. It is written before the answer,
// without fsync: the kernel keeps it over a crash of the process.
//
// The file holds the epoch in 20 digits, a blank, CRC-32 of the digits in
// hexadecimal, and a line feed.
type answeredMark struct {
	path string
	log  zerolog.Logger

	mu sync.Mutex
	// guarded by mu:
	file  *os.File
	epoch uint64
}

// answeredName is the mark's file in the agent's directory.
const answeredName = "answered"

// open reads the mark, or makes it. One that is damaged stands for nothing.
func (m *answeredMark) open() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := os.ReadFile(m.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read mark of what was answered: %w", err)
	}
	if _, serr := fmt.Sscanf(string(b), "%d", &m.epoch); serr != nil || string(b) != markText(m.epoch) {
		if err == nil {
			m.log.Error().Str("file", m.path).Msg("damaged mark of what was answered: an older decision may be answered until the log is read")
		}
		m.epoch = 0
		if err := wholefile.Put(m.path, []byte(markText(0))); err != nil {
			return fmt.Errorf("make mark of what was answered: %w", err)
		}
	}
	m.file, err = os.OpenFile(m.path, os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open mark of what was answered: %w", err)
	}
	return nil
}

func markText(epoch uint64) string {
	digits := fmt.Sprintf("%020d", epoch)
	return fmt.Sprintf("%s %08x\n", digits, crc32.ChecksumIEEE([]byte(digits)))
}

// note is called before an epoch is answered. A disk that refuses is told of by
// who writes the served State.
func (m *answeredMark) note(epoch uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil || epoch <= m.epoch {
		return
	}
	if _, err := m.file.WriteAt([]byte(markText(epoch)), 0); err != nil {
		m.log.Debug().Err(err).Msg("mark of what was answered not written")
		return
	}
	m.epoch = epoch
}

// newest is the newest epoch that was answered, 0 if none is known.
func (m *answeredMark) newest() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch
}

func (m *answeredMark) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		return nil
	}
	err := m.file.Close()
	m.file = nil
	return err
}

// holdAnswers is how long a start waits for the log rather than answer what is
// older than what was answered before: the name servers of the other agents are
// asked meanwhile. A log of usual size takes some hundredths of a second.
const holdAnswers = 2 * time.Second

// markAnswers opens the mark. An agent that cannot answers all the same.
func (a *Agent) markAnswers() error {
	mark := &answeredMark{path: filepath.Join(a.cfg.Dir, answeredName), log: a.log}
	if err := mark.open(); err != nil {
		a.log.Error().Err(err).Msg("a restart may begin with an older decision")
	}
	a.mark, a.pub.answers = mark, mark.note
	a.onStop("mark of what was answered", func(context.Context) error { return mark.close() })
	return nil
}

// recall serves what was served last, whatever the log will say later, unless
// something newer was answered: then the log is waited for, until release is called,
// at most for holdAnswers. Damage is named and passed over: the log has the truth.
func (a *Agent) recall() error {
	s, ok, err := a.mem.load()
	if err != nil {
		a.log.Error().Err(err).Msg("cannot recall the served state; waiting for the log instead")
	}
	if ok {
		a.pub.setBehind(unheard)
	}
	newer := a.mark.newest()
	if s.Epoch < newer {
		a.log.Info().Uint64("kept", s.Epoch).Uint64("answered", newer).Msg("a newer decision was answered than is kept: waiting for the log")
		a.hold(s, newer)
		return nil
	}
	if ok {
		a.pub.publish(s)
		a.log.Info().Uint64("epoch", s.Epoch).Msg("serving the last known state")
	}
	return nil
}

// hold keeps everything older than that epoch from being answered until release is
// called, and the recalled State with it.
func (a *Agent) hold(recalled steer.State, epoch uint64) {
	a.pub.setFloor(epoch)
	if g := a.pub.gate; g != nil && recalled.Fleet != nil { // it has no other to send its callers to
		g.SetPolicy(gatePolicy(recalled, a.cfg.Site, nil))
	}
	end := func() {
		a.pub.setFloor(0)
		a.pub.publish(recalled)
		a.pub.publish(a.machine.State()) // older than what was answered, if the log lacks that
	}
	late := time.AfterFunc(holdAnswers, func() {
		a.log.Warn().Uint64("answered", epoch).Msg("the log is not read yet: answering an older decision than was answered before")
		end()
	})
	a.release = func() {
		if late.Stop() {
			end()
		}
	}
	a.onStop("wait for the log", func(context.Context) error {
		late.Stop()
		return nil
	})
}

// setFloor keeps older epochs from being served.
func (p *publisher) setFloor(epoch uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.floor = epoch
}
