package sim

import (
	"slices"
	"time"
)

// what says what an event does; who is the number of the thing that it is
// about: a phone, a check, a fault.
type event struct {
	at   time.Duration // since the start
	seq  uint64        // of two at the same time the older one comes first
	what eventKind
	who  int32
}

type eventKind uint8

const (
	evPhone  eventKind = iota // a phone asks: a refresh, or the next target
	evRound                   // a check is due
	evBurst                   // a check under suspicion is due
	evSlow                    // half of a probe's timeout is over
	evAnswer                  // a probe has its result
	evReport                  // an agent's opinions are at the leader
	evLead                    // the leader looks what is due
	evCommit                  // a proposal is in a majority's logs
	evApply                   // an agent applies what is committed
	evElect                   // a new leader is elected
	evFault                   // a fault begins
	evHeal                    // a fault ends
	evFlap                    // a flapping softswitch turns
	evPoison                  // the poison works
	evOrder                   // an operator types
	evSecond                  // a second is over: loads and samples
)

// queue holds what is to come. What is further away lies in buckets of one
// second each, unsorted until its second comes, since most of it is phones'
// refreshes, of which there may be millions. What is added to the second that
// runs goes into a heap beside it.
type queue struct {
	sorted  []event // of the second that runs, in order
	at      int     // in sorted
	added   []event // heap
	horizon time.Duration
	far     map[int64][]event // by second
	spare   [][]event
	seq     uint64
	size    int
}

const bucket = time.Second

func newQueue() *queue { return &queue{far: map[int64][]event{}} }

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

// add puts an event in.
func (q *queue) add(at time.Duration, what eventKind, who int) {
	e := event{at: at, seq: q.seq, what: what, who: int32(who)}
	q.seq++
	q.size++
	if at < q.horizon {
		q.push(e)
		return
	}
	s := int64(at / bucket)
	list, ok := q.far[s]
	if !ok && len(q.spare) > 0 {
		list, q.spare = q.spare[len(q.spare)-1], q.spare[:len(q.spare)-1]
	}
	q.far[s] = append(list, e)
}

// take returns the earliest event that is not after end.
func (q *queue) take(end time.Duration) (event, bool) {
	for q.at == len(q.sorted) && len(q.added) == 0 {
		if q.size == 0 || q.horizon > end {
			return event{}, false
		}
		q.fill()
	}
	if q.at < len(q.sorted) && (len(q.added) == 0 || q.sorted[q.at].before(&q.added[0])) {
		e := q.sorted[q.at]
		if e.at > end {
			return event{}, false
		}
		q.at++
		q.size--
		return e, true
	}
	e := q.added[0]
	if e.at > end {
		return event{}, false
	}
	q.size--
	q.pop()
	return e, true
}

// fill makes the next bucket the second that runs.
func (q *queue) fill() {
	s := int64(q.horizon / bucket)
	q.horizon += bucket
	list, ok := q.far[s]
	if !ok {
		return
	}
	delete(q.far, s)
	slices.SortFunc(list, func(a, b event) int {
		switch {
		case a.before(&b):
			return -1
		default:
			return 1 // no two are equal
		}
	})
	q.spare = append(q.spare, q.sorted[:0])
	q.sorted, q.at = list, 0
}

func (q *queue) push(e event) {
	q.added = append(q.added, e)
	i := len(q.added) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(&q.added[parent]) {
			break
		}
		q.added[i] = q.added[parent]
		i = parent
	}
	q.added[i] = e
}

// pop takes the root away and sinks the last event to its place.
func (q *queue) pop() {
	n := len(q.added) - 1
	e := q.added[n]
	q.added = q.added[:n]
	if n == 0 {
		return
	}
	i := 0
	for {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && q.added[c+1].before(&q.added[c]) {
			c++
		}
		if !q.added[c].before(&e) {
			break
		}
		q.added[i] = q.added[c]
		i = c
	}
	q.added[i] = e
}
