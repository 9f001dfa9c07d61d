package raftstore

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// pusher tells followers of a commit at once. Raft tells them with the next
// message, which on a quiet day is up to CommitTimeout away. DESIGN.md says why
// the message is legal and what it costs.
type pusher struct {
	raft      *raft.Raft
	transport raft.Transport
	self      raft.ServerID
	address   raft.ServerAddress
	retryFor  time.Duration // how long to try a follower that lacks the entry
	pause     time.Duration // how long to leave a peer alone after an error

	wake chan struct{} // capacity 1

	mu sync.Mutex
	// guarded by mu:
	newest position
}

// position is an entry of the log.
type position struct{ index, term uint64 }

// lane pushes to one follower.
type lane struct {
	id     raft.ServerID
	wake   chan struct{} // capacity 1
	cancel context.CancelFunc

	mu sync.Mutex
	// guarded by mu:
	address raft.ServerAddress
	want    position // entry to push
	term    uint64   // term in which this member leads
}

// committed takes note of a committed entry. It never blocks; a newer entry
// takes the place of one that was not pushed yet.
func (p *pusher) committed(index, term uint64) {
	p.mu.Lock()
	p.newest = position{index, term}
	p.mu.Unlock()
	notify(p.wake)
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run hands commits to the lanes until ctx ends, and waits for them.
func (p *pusher) run(ctx context.Context) {
	lanes := map[raft.ServerID]*lane{}
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case <-p.wake:
		case <-ctx.Done():
			return
		}
		term, leads := leaderTerm(p.raft)
		if !leads {
			continue
		}
		p.mu.Lock()
		want := p.newest
		p.mu.Unlock()
		servers := p.raft.GetConfiguration().Configuration().Servers
		present := map[raft.ServerID]bool{p.self: true}
		for _, server := range servers {
			if server.ID == p.self {
				continue
			}
			present[server.ID] = true
			l := lanes[server.ID]
			if l == nil {
				l = p.open(ctx, &wg, server.ID)
				lanes[server.ID] = l
			}
			l.set(server.Address, want, term)
		}
		for id, l := range lanes {
			if !present[id] {
				l.cancel()
				delete(lanes, id)
			}
		}
	}
}

// open starts a lane, which ends with ctx or when its member has left.
func (p *pusher) open(ctx context.Context, wg *sync.WaitGroup, id raft.ServerID) *lane {
	ctx, cancel := context.WithCancel(ctx)
	l := &lane{id: id, wake: make(chan struct{}, 1), cancel: cancel}
	wg.Go(func() { p.drive(ctx, l) })
	return l
}

func (l *lane) set(address raft.ServerAddress, want position, term uint64) {
	l.mu.Lock()
	l.address, l.want, l.term = address, want, term
	l.mu.Unlock()
	notify(l.wake)
}

// drive pushes the newest commit to one follower, one message at a time.
func (p *pusher) drive(ctx context.Context, l *lane) {
	for {
		select {
		case <-l.wake:
		case <-ctx.Done():
			return
		}
		// The entry and its commit travel on different connections. A push
		// that came first is refused; try again while it can still be sooner
		// than raft's own next message.
		for delay, spent := 100*time.Microsecond, time.Duration(0); spent < p.retryFor; delay *= 2 {
			again, err := p.push(l)
			if err != nil {
				delay = p.pause
			}
			if !again && err == nil {
				break
			}
			if !sleep(ctx, delay) {
				return
			}
			if err != nil {
				break
			}
			spent += delay
		}
	}
}

// push sends one empty AppendEntries. again says that the follower does not
// have the entry yet.
func (p *pusher) push(l *lane) (again bool, err error) {
	l.mu.Lock()
	address, want, term := l.address, l.want, l.term
	l.mu.Unlock()
	head := header(p.transport, p.self, p.address)
	req := raft.AppendEntriesRequest{
		RPCHeader:         head,
		Term:              term,
		PrevLogEntry:      want.index,
		PrevLogTerm:       want.term,
		LeaderCommitIndex: want.index,
	}
	var resp raft.AppendEntriesResponse
	if err := p.transport.AppendEntries(l.id, address, &req, &resp); err != nil {
		return false, err
	}
	// A higher term ends our leadership; raft's own messages will hear of it.
	return !resp.Success && resp.Term == term && resp.LastLog < want.index, nil
}

// header is what raft puts into each of its messages.
func header(t raft.Transport, self raft.ServerID, address raft.ServerAddress) raft.RPCHeader {
	return raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersionMax,
		ID:              []byte(self),
		Addr:            t.EncodePeer(self, address),
	}
}

// leaderTerm returns the term in which this member leads, if it does.
//
// State and term are two reads. While it leads, raft changes the state before
// the term, and a term never comes back; so a term that is the same before and
// after the state said "leader" is the term of that leadership.
func leaderTerm(r *raft.Raft) (term uint64, leads bool) {
	before := r.CurrentTerm()
	leads = r.State() == raft.Leader
	return before, leads && r.CurrentTerm() == before
}

// sleep returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
