package raftstoretest

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/sipsteer/sipsteer/raftstore"
)

// Machine is a state machine that remembers every entry. Its state is the list
// of them.
type Machine struct {
	mu sync.Mutex
	// guarded by mu:
	state    state
	unknown  string // entry that this machine cannot know
	restored int
	observe  func(raftstore.Entry)
}

type state struct {
	Entries []string `json:"entries"`
	Index   uint64   `json:"index"`
}

// RefuseToKnow makes Apply return a *raftstore.Fatal for that entry.
func (m *Machine) RefuseToKnow(entry string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unknown = entry
}

// Observe has f called with each entry before it is applied. While f blocks,
// this machine is slow.
func (m *Machine) Observe(f func(raftstore.Entry)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.observe = f
}

// Apply implements raftstore.Machine. Its result is the number of entries.
func (m *Machine) Apply(e raftstore.Entry) any {
	m.mu.Lock()
	observe := m.observe
	m.mu.Unlock()
	if observe != nil {
		observe(e)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unknown != "" && string(e.Data) == m.unknown {
		return &raftstore.Fatal{Reason: fmt.Errorf("entry of unknown kind %q", e.Data)}
	}
	if e.Index <= m.state.Index {
		return fmt.Errorf("entry %d after entry %d", e.Index, m.state.Index)
	}
	m.state.Index = e.Index
	m.state.Entries = append(m.state.Entries, string(e.Data))
	return len(m.state.Entries)
}

// Snapshot implements raftstore.Machine.
func (m *Machine) Snapshot() (func(io.Writer) error, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	copied := state{Entries: slices.Clone(m.state.Entries), Index: m.state.Index}
	return func(w io.Writer) error { return json.NewEncoder(w).Encode(copied) }, nil
}

// Restore implements raftstore.Machine.
func (m *Machine) Restore(r io.Reader) error {
	var s state
	b, err := io.ReadAll(r)
	if err := errors.Join(err, json.Unmarshal(b, &s)); err != nil {
		return fmt.Errorf("decode state: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = s
	m.restored++
	return nil
}

// Sum implements raftstore.Machine.
func (m *Machine) Sum() func() (raftstore.Hash, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	copied := state{Entries: slices.Clone(m.state.Entries), Index: m.state.Index}
	return func() (raftstore.Hash, error) {
		b, err := json.Marshal(copied)
		return sha256.Sum256(b), err
	}
}

// Corrupt changes the last entry without a word, as bad memory would.
func (m *Machine) Corrupt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Entries = append(slices.Clone(m.state.Entries[:len(m.state.Entries)-1]), "corrupted")
}

// Entries returns what was applied, in order.
func (m *Machine) Entries() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.state.Entries)
}

// Restored returns how often Restore has set the state.
func (m *Machine) Restored() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.restored
}
