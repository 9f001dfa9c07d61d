package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/archive"
)

// historyDir is the archive's in the agent's data directory.
const historyDir = "history"

// pastState is what is kept of a State: without the list of events, of which it
// has only those that belong to it.
type pastState struct {
	State  steer.State   `json:"state"`
	Events []steer.Event `json:"events,omitempty"`
	// Tenants names the table that was in force; nil is none.
	Tenants *pastTenants `json:"tenants,omitempty"`
}

// past writes every State that was in force into the archive, beside the
// answers and never before them.
type past struct {
	archive *archive.Archive
	log     zerolog.Logger
	notify  chan struct{}
	reached points // told how far a decision has come; may be nil

	waiting atomic.Int32 // how many wait for flush
	writing sync.Mutex   // one writer at a time: see flush
	// guarded by writing: the table noted last, with its sum and name
	table *steer.TenantTable
	sum   archive.Hash
	named *pastTenants
	// encoded is the record under way: it is as long as the next one.
	encoded bytes.Buffer

	mu sync.Mutex
	// guarded by mu:
	queue   []moment
	problem error // of the last write
}

// moment is a State that waits to be written.
type moment struct {
	index  uint64
	chain  raftstore.Hash
	tables *steer.TenantTable
	pastState
}

func newPast(a *archive.Archive, log zerolog.Logger) *past {
	return &past{archive: a, log: log, notify: make(chan struct{}, 1)}
}

// note asks for a State to be kept. It does not wait.
func (p *past) note(e raftstore.Entry, s steer.State, events []steer.Event) {
	m := moment{index: e.Index, chain: e.Chain, tables: s.Tenants, pastState: pastState{State: s, Events: events}}
	m.State.Events, m.State.Seen = nil, nil
	// A million tenants would be written with every decision: they are kept once
	// for each change, beside the records.
	m.State.Tenants, m.State.TenantsBefore, m.State.Staging = nil, nil, nil
	m.State.Books = nil // as big, and no part of a decision
	p.mu.Lock()
	p.queue = append(p.queue, m)
	p.mu.Unlock()
	select {
	case p.notify <- struct{}{}:
	default:
	}
}

// maxWaiting bounds the moments that wait for a disk that refuses; then the
// oldest are given up.
const maxWaiting = 1000

// flush writes what was noted. It returns when that is on disk, or stays to be
// written because the disk refuses. A write with rests that is under way takes no
// more of them: somebody waits.
func (p *past) flush() {
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	p.flushResting(func(time.Duration) {})
}

// A series is written with rests: a processor that encodes without one does not
// look for what came from the network, the next decision's messages among it. To
// encode a record takes a tenth to a fifth of its rest.
const (
	recordRest = 5 * time.Millisecond
	restsTotal = time.Second // of one flush at most
)

// flushResting is flush with a rest after each record.
func (p *past) flushResting(rest func(time.Duration)) {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.mu.Lock()
	queue, failed := p.queue, p.problem != nil
	p.queue = nil
	p.mu.Unlock()
	if len(queue) == 0 && !failed {
		return
	}
	left, err := p.write(queue, func() {
		if p.waiting.Load() == 0 {
			rest(min(recordRest, restsTotal/time.Duration(len(queue))))
		}
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && p.problem == nil {
		p.log.Error().Err(err).Msg("cannot keep the past; show and rollback will miss what happens now")
	}
	p.problem = err
	p.queue = append(left, p.queue...)
	if err != nil {
		p.queue = p.queue[max(0, len(p.queue)-maxWaiting):]
	}
}

// write returns what the disk did not take: everything from the first refusal
// on, since records are only appended. It rests after each record.
func (p *past) write(queue []moment, rest func()) (left []moment, err error) {
	var errs []error
	last := p.archive.LastIndex()
	for i, m := range queue {
		if m.index <= last {
			continue // the log was read again after a restart
		}
		if err := p.keepTenants(&m); err != nil {
			errs = append(errs, err) // the decision is kept nevertheless
		}
		p.encoded.Reset()
		if err := json.NewEncoder(&p.encoded).Encode(m.pastState); err != nil {
			errs = append(errs, fmt.Errorf("encode state: %w", err))
			continue
		}
		payload := bytes.TrimSuffix(p.encoded.Bytes(), []byte("\n"))
		err := p.archive.Append(archive.Record{Payload: payload, Place: archive.Place{
			Epoch: m.State.Epoch, Index: m.index, At: m.State.Now, Chain: archive.Hash(m.chain), Sum: sha256.Sum256(payload),
		}})
		if err != nil {
			errs, left = append(errs, err), queue[i:]
			break
		}
		p.reached.at(pointLogged)
		rest()
	}
	errs = append(errs, p.archive.Sync(time.Now()))
	return left, errors.Join(errs...)
}

// trouble is why the past is not kept, or nil.
func (p *past) trouble() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.problem
}

// at returns what is kept of an epoch.
func (p *past) at(epoch uint64) (archive.Place, pastState, error) {
	p.flush()
	r, err := p.archive.At(epoch)
	if err != nil {
		return archive.Place{}, pastState{}, err
	}
	s, err := decodePast(r.Payload)
	return r.Place, s, err
}

// byIndex returns what is kept of a log entry.
func (p *past) byIndex(index uint64) (pastState, error) {
	r, err := p.archive.ByIndex(index)
	if err != nil {
		return pastState{}, err
	}
	return decodePast(r.Payload)
}

func decodePast(payload []byte) (pastState, error) {
	var s pastState
	if err := json.Unmarshal(payload, &s); err != nil {
		return s, fmt.Errorf("decode past state: %w", err)
	}
	if s.State.Format > steer.StateFormat {
		return s, fmt.Errorf("decode past state: format %d, this program knows up to %d", s.State.Format, steer.StateFormat)
	}
	if s.State.LacksEvents() {
		return s, errors.New("decode past state: an event is null")
	}
	return s, nil
}
