package raftstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// network is the stream layer under raft's transport. It knows every open
// connection, so that a store that halts can cut itself off at once, and a
// store that closes need not wait for a peer that does not answer.
type network struct {
	listener  net.Listener
	advertise raft.ServerAddress
	dial      func(ctx context.Context, address string) (net.Conn, error)

	mu sync.Mutex
	// guarded by mu:
	hungUp func() // called when a peer ended a connection that it had opened
	closed bool
	conns  map[*trackedConn]struct{}
}

var errCutOff = errors.New("store is cut off from its peers")

// newNetwork takes the listener over.
func newNetwork(cfg Config) (*network, error) {
	l := cfg.Listener
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", cfg.Listen); err != nil {
			return nil, fmt.Errorf("listen for members: %w", err)
		}
	}
	n := &network{
		listener:  l,
		advertise: raft.ServerAddress(cfg.Advertise),
		dial:      cfg.Dial,
		hungUp:    func() {},
		conns:     map[*trackedConn]struct{}{},
	}
	if n.advertise == "" {
		n.advertise = raft.ServerAddress(l.Addr().String())
	}
	return n, nil
}

// setHungUp sets what is called, without blocking, when a peer ended a
// connection that it had opened.
func (n *network) setHungUp(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hungUp = f
}

func (n *network) peerHungUp() {
	n.mu.Lock()
	f := n.hungUp
	n.mu.Unlock()
	f()
}

// Accept implements net.Listener.
func (n *network) Accept() (net.Conn, error) {
	c, err := n.listener.Accept()
	if err != nil {
		return nil, err
	}
	return n.track(c, true)
}

// Dial implements raft.StreamLayer.
func (n *network) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx := context.Background() // raft gives none; the time is bounded
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	c, err := n.dial(ctx, string(address))
	if err != nil {
		return nil, err
	}
	return n.track(c, false)
}

// track adds c to the open connections, unless the network was closed.
func (n *network) track(c net.Conn, accepted bool) (net.Conn, error) {
	t := &trackedConn{Conn: c, network: n, accepted: accepted}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, errors.Join(errCutOff, c.Close())
	}
	n.conns[t] = struct{}{}
	return t, nil
}

// Close implements net.Listener. It ends every connection: nothing leaves or
// reaches this member from here on. It may be called more than once.
func (n *network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil
	}
	n.closed = true
	err := n.listener.Close()
	for t := range n.conns {
		err = errors.Join(err, t.Conn.Close())
	}
	clear(n.conns)
	return err
}

// Addr implements net.Listener. Raft tells peers this address.
func (n *network) Addr() net.Addr { return address(n.advertise) }

// address is an advertised address, which may be a name.
type address string

// Network implements net.Addr.
func (a address) Network() string { return "tcp" }

// String implements net.Addr.
func (a address) String() string { return string(a) }

// trackedConn takes itself off the list when it is closed.
type trackedConn struct {
	net.Conn
	network  *network
	accepted bool
}

// Read implements net.Conn.
func (t *trackedConn) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.look(err)
	return n, err
}

// Write implements net.Conn.
func (t *trackedConn) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	t.look(err)
	return n, err
}

// look notices a peer that hung up, whether it was to be heard or answered.
func (t *trackedConn) look(err error) {
	if err != nil && t.accepted && !errors.Is(err, net.ErrClosed) {
		t.network.peerHungUp()
	}
}

// Close implements net.Conn.
func (t *trackedConn) Close() error {
	t.network.mu.Lock()
	delete(t.network.conns, t)
	t.network.mu.Unlock()
	return t.Conn.Close()
}
