package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// memory keeps the last State that was served in a file, so that an agent that
// restarts goes on answering at once, without its peers and, should the store be
// refused, without its log. The file is written behind the answers, never before
// them; what it lacks after a crash, answeredMark tells.
type memory struct {
	path string
	log  zerolog.Logger
	// reached is told how far a decision has come. May be nil.
	reached points

	// Of the table that was written last; used by one goroutine at a time.
	table    *steer.TenantTable
	tableSum string

	mu      sync.Mutex
	next    *steer.State // the newest State not yet written
	problem error        // of the last write
	notify  chan struct{}
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

// flush writes what is not written yet. What the disk refuses stays to be
// written, until something newer takes its place.
func (m *memory) flush() {
	m.mu.Lock()
	s := m.next
	m.next = nil
	m.mu.Unlock()
	if s == nil {
		return
	}
	err := m.write(*s)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil && m.problem == nil {
		m.log.Error().Err(err).Str("file", m.path).Msg("cannot keep the served state; a restart without a leader would answer with an older one")
	}
	if m.problem = err; err != nil && m.next == nil {
		m.next = s
	}
}

// trouble is why the served State is not kept, or nil.
func (m *memory) trouble() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.problem
}

// write puts the State behind its SHA-256, in a new file that replaces the old
// one only when it is on disk. The tenants have a file of their own, which is
// written only when they have changed.
func (m *memory) write(s steer.State) error {
	table := s.Tenants
	s.Tenants, s.TenantsBefore, s.Staging = nil, nil, nil
	held := servedState{State: s}
	var err error
	if held.Tenants, err = m.writeTenants(table); err != nil {
		return err
	}
	data, err := json.Marshal(held)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	if err := writeSummed(m.path+newSuffix, data); err != nil {
		return err
	}
	m.reached.at(pointKeptHalf)
	if err := os.Rename(m.path+newSuffix, m.path); err != nil {
		return fmt.Errorf("put the served state in its place: %w", err)
	}
	m.reached.at(pointKept)
	return m.removeTenants(held.Tenants)
}

// servedState is the contents of the file.
type servedState struct {
	steer.State
	// Tenants is the SHA-256 of the table, "" for none; it hides the State's.
	Tenants string `json:"served_tenants,omitempty"`
}

func (m *memory) tenantsPath(sum string) string { return m.path + "." + sum[:16] + ".tenants" }

// writeTenants returns the table's sum when it is on disk.
func (m *memory) writeTenants(table *steer.TenantTable) (string, error) {
	if table == nil {
		return "", nil
	}
	if table == m.table {
		return m.tableSum, nil
	}
	text := tableText(table)
	hash := sha256.Sum256(text)
	sum := hex.EncodeToString(hash[:])
	if err := replaceFile(m.tenantsPath(sum), text); err != nil {
		return "", err
	}
	m.table, m.tableSum = table, sum
	return sum, nil
}

// removeTenants removes the tables that are not used any more.
func (m *memory) removeTenants(keep string) error {
	files, err := filepath.Glob(m.path + ".*.tenants")
	if err != nil {
		return fmt.Errorf("list tenants: %w", err)
	}
	files = slices.DeleteFunc(files, func(f string) bool { return keep != "" && f == m.tenantsPath(keep) })
	if len(files) == 0 {
		return nil
	}
	// What names another table must be there for good before this one goes.
	err = wholefile.SyncDir(filepath.Dir(m.path))
	for _, f := range files {
		if err == nil {
			err = os.Remove(f)
		}
	}
	return err
}

// newSuffix ends the name of a file that is not in its place yet.
const newSuffix = ".new"

// replaceFile replaces a file by the sum of the data, and the data.
func replaceFile(path string, data []byte) error {
	if err := writeSummed(path+newSuffix, data); err != nil {
		return err
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return fmt.Errorf("put file in its place: %w", err)
	}
	return wholefile.SyncDir(filepath.Dir(path))
}

// writeSummed returns when the file is on disk.
func writeSummed(path string, data []byte) error {
	sum := sha256.Sum256(data)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	_, err = f.Write([]byte(hex.EncodeToString(sum[:]) + "\n"))
	if err == nil {
		_, err = f.Write(data)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}

// checkedFile returns what replaceFile wrote.
func checkedFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read served state: %w", err)
	}
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	sum := sha256.Sum256(rest)
	if string(line) != hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("read served state: %s is damaged (checksum differs)", path)
	}
	return rest, nil
}

// load reads the State of the last run. A missing file is no error and yields
// false; a damaged one is named and not used.
func (m *memory) load() (steer.State, bool, error) {
	data, err := checkedFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return steer.State{}, false, nil
	}
	if err != nil {
		return steer.State{}, false, err
	}
	var held servedState
	if err := json.Unmarshal(data, &held); err != nil {
		return steer.State{}, false, fmt.Errorf("decode served state: %w", err)
	}
	if err := knownState(held.State); err != nil {
		return steer.State{}, false, err
	}
	if len(held.Tenants) >= 16 {
		text, err := checkedFile(m.tenantsPath(held.Tenants))
		if err != nil {
			return steer.State{}, false, err
		}
		held.State.Tenants = &steer.TenantTable{}
		if err := held.State.Tenants.UnmarshalJSON(text); err != nil {
			return steer.State{}, false, err
		}
		m.table, m.tableSum = held.State.Tenants, held.Tenants
	}
	return held.State, true, nil
}
