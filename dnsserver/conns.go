package dnsserver

import (
	"container/list"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
)

// conns are the open TCP connections. When there are too many, the one that
// has asked nothing for the longest time is cut, so that clients which hold
// connections cannot keep others out.
type conns struct {
	max      int
	accepted atomic.Uint64
	cut      atomic.Uint64

	mu     sync.Mutex // guards what follows
	order  *list.List // of *conn, longest without a message first
	closed bool
}

type conn struct {
	net.Conn
	at *list.Element
}

func newConns(most int) *conns {
	return &conns{max: most, order: list.New()}
}

// add takes a connection on; nil if the server is stopping.
func (cs *conns) add(c net.Conn) *conn {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed {
		_ = c.Close()
		return nil
	}
	cs.accepted.Add(1)
	if cs.order.Len() >= cs.max {
		oldest := cs.order.Front()
		cs.order.Remove(oldest)
		_ = oldest.Value.(*conn).Close()
		cs.cut.Add(1)
	}
	e := &conn{Conn: c}
	e.at = cs.order.PushBack(e)
	return e
}

// touch notes that the connection had a message answered.
func (cs *conns) touch(e *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.order.MoveToBack(e.at) // does nothing if it was cut
}

func (cs *conns) remove(e *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.order.Remove(e.at)
	_ = e.Close()
}

// countCut counts the end of a connection that a deadline caused.
func (cs *conns) countCut(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		cs.cut.Add(1)
	}
}

func (cs *conns) open() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.order.Len()
}

// closeAll closes every connection, and those that come later.
func (cs *conns) closeAll() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.closed = true
	for e := cs.order.Front(); e != nil; e = e.Next() {
		_ = e.Value.(*conn).Close()
	}
}
