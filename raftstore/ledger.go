package raftstore

import (
	"fmt"
	"slices"
	"sync"
)

// Checkpoint is a place in the log at which the members compare what they have.
// The leader marks it with an entry of the store's own, so that it is the same
// place for all.
type Checkpoint struct {
	// Index of the marking entry.
	Index uint64 `json:"index"`
	// Chain stands for every entry up to Index.
	Chain Hash `json:"chain"`
	// State is the Machine's sum after Index; zero until it is known here.
	State Hash `json:"state,omitzero"`
}

// agrees reports whether nothing that both know differs.
func (c Checkpoint) agrees(o Checkpoint) bool {
	return c.Chain == o.Chain && (c.State.IsZero() || o.State.IsZero() || c.State == o.State)
}

// maxCheckpoints is how many a member remembers: at one each 10 s, ten minutes.
const maxCheckpoints = 64

// ledger remembers this member's checkpoints, and sums up the Machine for them
// in the background, one at a time: when they come faster than that, as they do
// while the log is read again at start, only the newest is summed.
type ledger struct {
	sums sync.WaitGroup

	mu sync.Mutex
	// guarded by mu:
	points   []Checkpoint // oldest first
	claims   []Checkpoint // what leaders said they had, oldest first
	conflict string       // first difference to a claim
	busy     bool
	next     uint64 // index of the newest checkpoint waiting for its sum, or 0
	sum      func() (Hash, error)
	failure  error // of the last sum
}

// mark adds the checkpoint. sum is called later, in another goroutine.
func (l *ledger) mark(index uint64, chain Hash, sum func() (Hash, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.points = bounded(append(l.points, Checkpoint{Index: index, Chain: chain}))
	l.next, l.sum = index, sum
	if !l.busy {
		l.busy = true
		l.sums.Go(l.work)
	}
}

func bounded(c []Checkpoint) []Checkpoint {
	return slices.Clone(c[max(0, len(c)-maxCheckpoints):])
}

// work sums until nothing waits any more.
func (l *ledger) work() {
	for {
		l.mu.Lock()
		index, sum := l.next, l.sum
		l.next, l.sum = 0, nil
		l.busy = index != 0
		l.mu.Unlock()
		if index == 0 {
			return
		}
		hash, err := sum()
		l.mu.Lock()
		l.failure = err
		if i := l.find(index); err == nil && i >= 0 {
			l.points[i].State = hash
			l.compare()
		}
		l.mu.Unlock()
	}
}

// find must be called with mu held.
func (l *ledger) find(index uint64) int {
	return slices.IndexFunc(l.points, func(c Checkpoint) bool { return c.Index == index })
}

// claim takes note of what a leader had at an earlier checkpoint.
func (l *ledger) claim(c Checkpoint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claims = bounded(append(l.claims, c))
	l.compare()
}

// compare must be called with mu held.
func (l *ledger) compare() {
	for _, c := range l.claims {
		if i := l.find(c.Index); i >= 0 && l.conflict == "" && !l.points[i].agrees(c) {
			l.conflict = fmt.Sprintf("at log entry %d this member had %s, the leader of that time %s", c.Index, l.points[i].text(), c.text())
		}
	}
}

func (c Checkpoint) text() string {
	if c.State.IsZero() {
		return "chain " + c.Chain.Short()
	}
	return "chain " + c.Chain.Short() + " and state " + c.State.Short()
}

// list returns the checkpoints, oldest first.
func (l *ledger) list() []Checkpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.points)
}

// newest returns the last checkpoint, or the zero value.
func (l *ledger) newest() Checkpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.points) == 0 {
		return Checkpoint{}
	}
	return l.points[len(l.points)-1]
}

// report returns the first difference to a leader's claim, and why the last sum
// failed.
func (l *ledger) report() (conflict string, failure error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conflict, l.failure
}
