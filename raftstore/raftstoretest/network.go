// Package raftstoretest plays clusters of raftstore: over an in-memory network
// with delays, losses and cuts, which runs in a testing/synctest bubble, or over
// real sockets and files. It is for tests; nothing in the program imports it.
package raftstoretest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Network joins members by addresses that are mere names. All its connections
// keep order, as TCP does: a lost segment delays what comes behind it.
type Network struct {
	mu sync.Mutex
	// guarded by mu:
	listeners map[string]*listener
	cuts      map[[2]string]bool
	delay     time.Duration
	loss      float64
	rto       time.Duration
	random    *rand.Rand
	changed   chan struct{} // closed and replaced when a cut heals
	pairs     []*conn       // one end of each connection
}

// NewNetwork returns a network without delay. The seed decides which segments
// are lost.
func NewNetwork(seed uint64) *Network {
	return &Network{
		listeners: map[string]*listener{},
		cuts:      map[[2]string]bool{},
		random:    rand.New(rand.NewPCG(seed, 0)),
		changed:   make(chan struct{}),
	}
}

// SetDelay sets the time that each segment takes one way.
func (n *Network) SetDelay(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = d
}

// SetLoss makes each segment be lost with that probability; it arrives after
// rto instead.
func (n *Network) SetLoss(probability float64, rto time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loss, n.rto = probability, rto
}

// Cut stops everything between the two, without either being told. What was
// sent arrives when the cut heals, unless the sender gave up.
func (n *Network) Cut(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cuts[[2]string{a, b}] = true
	n.cuts[[2]string{b, a}] = true
}

// Isolate cuts one member off from the others.
func (n *Network) Isolate(one string, others ...string) {
	for _, o := range others {
		if o != one {
			n.Cut(one, o)
		}
	}
}

// Heal ends all cuts.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cuts)
	close(n.changed)
	n.changed = make(chan struct{})
}

// Reset ends all connections, as a restarted firewall does. New ones can be
// made at once.
func (n *Network) Reset() {
	n.mu.Lock()
	pairs := n.pairs
	n.pairs = nil
	n.mu.Unlock()
	for _, c := range pairs {
		c.in.end()
		c.out.end()
	}
}

// blocked reports whether the way is cut, and when to look again.
func (n *Network) blocked(from, to string) (bool, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cuts[[2]string{from, to}], n.changed
}

// transit returns how long the next segment takes.
func (n *Network) transit() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.delay
	if n.loss > 0 && n.random.Float64() < n.loss {
		d += n.rto
	}
	return d
}

// Listen opens the address.
func (n *Network) Listen(address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[address] != nil {
		return nil, errors.New("address in use: " + address)
	}
	l := &listener{network: n, address: name(address), backlog: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[address] = l
	return l, nil
}

// Dialer returns the Dial function of the member at from.
func (n *Network) Dialer(from string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, to string) (net.Conn, error) {
		for {
			blocked, changed := n.blocked(from, to)
			if !blocked {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		n.mu.Lock()
		l := n.listeners[to]
		n.mu.Unlock()
		if l == nil {
			return nil, &net.OpError{Op: "dial", Net: "memory", Addr: name(to), Err: errRefused}
		}
		near, far := n.pair(from, to)
		n.mu.Lock()
		n.pairs = append(n.pairs, near)
		n.mu.Unlock()
		select {
		case l.backlog <- far:
			return near, nil
		case <-l.closed:
			return nil, &net.OpError{Op: "dial", Net: "memory", Addr: name(to), Err: errRefused}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// listener implements net.Listener.
type listener struct {
	network *Network
	address name
	backlog chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		defer l.network.mu.Unlock()
		delete(l.network.listeners, string(l.address))
		close(l.closed)
	})
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.address }

// name is an address.
type name string

// Network implements net.Addr.
func (name) Network() string { return "memory" }

// String implements net.Addr.
func (a name) String() string { return string(a) }
