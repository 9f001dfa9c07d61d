package gate

import (
	"context"
	"net/netip"
	"sync"
)

// handshakes gives places to TLS handshakes, each of which costs a thousand times
// as much as a refusal. Sources that wait are served in turn, so that one which
// opens many connections makes its own wait and nobody else's.
type handshakes struct {
	mu    sync.Mutex // held for all below
	free  int
	turns []netip.Addr // sources that wait, the next first; each once
	wait  map[netip.Addr][]chan struct{}
}

func newHandshakes(places int) *handshakes {
	return &handshakes{free: places, wait: map[netip.Addr][]chan struct{}{}}
}

// enter waits for a place. It reports false when ctx ends, or stop is closed,
// first.
func (h *handshakes) enter(ctx context.Context, stop <-chan struct{}, source netip.Addr) bool {
	h.mu.Lock()
	if h.free > 0 {
		h.free--
		h.mu.Unlock()
		return true
	}
	ready := make(chan struct{}, 1)
	if len(h.wait[source]) == 0 {
		h.turns = append(h.turns, source)
	}
	h.wait[source] = append(h.wait[source], ready)
	h.mu.Unlock()
	select {
	case <-ready:
		return true
	case <-ctx.Done():
	case <-stop:
	}
	h.giveUp(source, ready)
	return false
}

// leave gives the place to the next source in turn.
func (h *handshakes) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.turns) > 0 {
		source := h.turns[0]
		h.turns = h.turns[1:]
		all := h.wait[source]
		if len(all) == 0 {
			delete(h.wait, source)
			continue
		}
		all[0] <- struct{}{}
		if h.wait[source] = all[1:]; len(all) > 1 {
			h.turns = append(h.turns, source)
		} else {
			delete(h.wait, source)
		}
		return
	}
	h.free++
}

// giveUp takes one out of the queue. A place that it got meanwhile goes on.
func (h *handshakes) giveUp(source netip.Addr, ready chan struct{}) {
	h.mu.Lock()
	all := h.wait[source]
	for i, c := range all {
		if c == ready {
			h.wait[source] = append(all[:i:i], all[i+1:]...)
			h.mu.Unlock()
			return
		}
	}
	h.mu.Unlock()
	<-ready
	h.leave()
}
