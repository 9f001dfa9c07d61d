package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// memory keeps the last State that was served in a file, so that an agent that
// restarts while it is cut off from its peers goes on answering. The Raft log
// cannot serve for that: without a leader nobody knows what of it is
// committed. The file is written beside the answers, never before them.
type memory struct {
	path string
	log  zerolog.Logger

	mu     sync.Mutex
	next   *steer.State // the newest State not yet written
	notify chan struct{}
}

func newMemory(dir string, log zerolog.Logger) *memory {
	return &memory{path: filepath.Join(dir, "served.json"), log: log, notify: make(chan struct{}, 1)}
}

// keep asks for s to be written. It does not wait.
func (m *memory) keep(s steer.State) {
	m.mu.Lock()
	m.next = &s
	m.mu.Unlock()
	select {
	case m.notify <- struct{}{}:
	default:
	}
}

// run writes until ctx ends, and what is left then.
func (m *memory) run(ctx context.Context) {
	for {
		select {
		case <-m.notify:
			m.flush()
		case <-ctx.Done():
			m.flush()
			return
		}
	}
}

func (m *memory) flush() {
	m.mu.Lock()
	s := m.next
	m.next = nil
	m.mu.Unlock()
	if s == nil {
		return
	}
	if err := m.write(*s); err != nil {
		m.log.Error().Err(err).Str("file", m.path).Msg("cannot keep the served state; a restart without a leader would answer with an older one")
	}
}

// write puts the State behind its SHA-256, in a new file that replaces the old
// one only when it is on disk.
func (m *memory) write(s steer.State) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	sum := sha256.Sum256(data)
	tmp := m.path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	_, err = f.Write(append([]byte(hex.EncodeToString(sum[:])+"\n"), data...))
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return os.Rename(tmp, m.path)
}

// load reads the State of the last run. A missing file is no error and yields
// false; a damaged one is named and not used.
func (m *memory) load() (steer.State, bool, error) {
	data, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return steer.State{}, false, nil
	}
	if err != nil {
		return steer.State{}, false, fmt.Errorf("read served state: %w", err)
	}
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	sum := sha256.Sum256(rest)
	if string(line) != hex.EncodeToString(sum[:]) {
		return steer.State{}, false, fmt.Errorf("read served state: %s is damaged (checksum differs)", m.path)
	}
	s, err := decodeState(bytes.NewReader(rest))
	return s, err == nil, err
}
