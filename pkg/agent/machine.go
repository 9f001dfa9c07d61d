package agent

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

// machine is the replicated State behind raftstore. Its methods are called by
// one goroutine of the store; readers take State.
type machine struct {
	log     zerolog.Logger
	publish func(steer.State) // serves the State here; called before an entry counts as applied
	// note keeps a State that an entry made, flush returns when all are kept.
	note  func(raftstore.Entry, steer.State, []steer.Event)
	flush func()
	// registered has a token after each change of the registry.
	registered chan struct{}

	mu sync.Mutex
	// guarded by mu; the values themselves never change:
	state    steer.State
	registry pki.Registry
}

func newMachine(log zerolog.Logger, publish func(steer.State)) *machine {
	return &machine{
		log: log, publish: publish, state: steer.New(),
		registered: make(chan struct{}, 1),
		note:       func(raftstore.Entry, steer.State, []steer.Event) {}, flush: func() {},
	}
}

// applied is what Propose gets back.
type applied struct {
	epoch  uint64
	events []steer.Event
	err    error // of the guards
}

// State returns the latest State applied here.
func (m *machine) State() steer.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// Registry returns the latest one applied here.
func (m *machine) Registry() pki.Registry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.registry
}

func (m *machine) content() content { return content{m.State(), m.Registry()} }

func (m *machine) setRegistry(r pki.Registry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.registry = r
	select {
	case m.registered <- struct{}{}:
	default:
	}
}

func (m *machine) set(s steer.State) {
	m.mu.Lock()
	m.state = s
	m.mu.Unlock()
	m.publish(s)
}

// Apply carries out the commands of one entry. An entry that this program
// cannot know stops the store: to skip it would split the replicas.
func (m *machine) Apply(e raftstore.Entry) any {
	if isChange(e.Data) {
		return m.applyChange(e)
	}
	cmds, err := steer.Decode(e.Data)
	if err != nil {
		return &raftstore.Fatal{Reason: fmt.Errorf("entry %d: %w", e.Index, err)}
	}
	next, events, err := steer.ApplyAll(m.State(), cmds)
	if errors.Is(err, steer.ErrUnknownCommand) {
		return &raftstore.Fatal{Reason: fmt.Errorf("entry %d: %w", e.Index, err)}
	}
	before := m.State().Epoch
	m.set(next)
	if next.Epoch != before || len(events) > 0 {
		m.note(e, next, events)
	}
	for _, ev := range events {
		logEvent(m.log, ev)
	}
	return applied{epoch: next.Epoch, events: events, err: err}
}

// applyChange carries out a change of the registry. The result is its error, or
// nil.
func (m *machine) applyChange(e raftstore.Entry) any {
	c, err := decodeChange(e.Data)
	if err != nil {
		return &raftstore.Fatal{Reason: fmt.Errorf("entry %d: %w", e.Index, err)}
	}
	before := m.Registry()
	next, err := before.Apply(c)
	if errors.Is(err, pki.ErrUnknownChange) {
		return &raftstore.Fatal{Reason: fmt.Errorf("entry %d: %w", e.Index, err)}
	}
	m.log.Info().Str("change", string(c.Kind)).Str("by", c.By).AnErr("refused", err).Msg("registry")
	if err != nil {
		return changed{err}
	}
	m.setRegistry(next)
	m.tell(e, c, before, next)
	return changed{}
}

// changed is what the proposer of a change of the registry gets back.
type changed struct{ err error }

// logEvent writes an event of the core into the log.
func logEvent(log zerolog.Logger, e steer.Event) {
	level := zerolog.InfoLevel
	if e.Kind == steer.EventRefused || e.Kind == steer.EventAdvice {
		level = zerolog.WarnLevel
	}
	l := log.WithLevel(level).Str("event", string(e.Kind)).Uint64("epoch", e.Epoch).Str("by", e.By)
	if e.Site != "" {
		l = l.Str("site", string(e.Site))
	}
	if e.Service != "" {
		l = l.Str("service", string(e.Service))
	}
	if e.Rule != "" {
		l = l.Str("rule", string(e.Rule))
	}
	if e.Reason != "" {
		l = l.Str("reason", e.Reason)
	}
	l.Msg(e.Text)
}

// Snapshot returns a writer of the State as it is now.
func (m *machine) Snapshot() (func(io.Writer) error, error) {
	c := m.content()
	return func(w io.Writer) error {
		m.flush() // entries that a snapshot stands for do not come again
		return c.encode(w)
	}, nil
}

// Restore replaces the State by a snapshot's.
func (m *machine) Restore(r io.Reader) error {
	c, err := decodeContent(r)
	if err != nil {
		return err
	}
	m.setRegistry(c.registry)
	m.set(c.state)
	return nil
}

// Sum returns a function that sums up the State as it is now.
func (m *machine) Sum() func() (raftstore.Hash, error) {
	c := m.content()
	return func() (out raftstore.Hash, err error) {
		sum := sha256.New()
		err = c.encode(sum)
		sum.Sum(out[:0])
		return out, err
	}
}

// errNewerState is returned for a State that a newer program has written.
var errNewerState = errors.New("state of a format that this program does not know")

// knownState refuses a State of a newer format, and one with holes.
func knownState(s steer.State) error {
	if s.Format > steer.StateFormat || s.Format < 1 {
		return fmt.Errorf("decode state: %w: format %d, known up to %d; upgrade this agent", errNewerState, s.Format, steer.StateFormat)
	}
	if s.LacksEvents() {
		return errors.New("decode state: an event is null")
	}
	return nil
}
