// Package dnswatch asks name servers the same question again and again, from
// outside, and remembers when each one's answer changed. It shares no code with
// the name server that it watches.
package dnswatch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Config says what to ask whom.
type Config struct {
	// Servers are asked in parallel, each by its own goroutine.
	Servers []netip.AddrPort
	// Names are SRV owners, absolute.
	Names []string
	// Interval between two rounds of questions to one server.
	Interval time.Duration
	// Timeout of one question. A server that does not answer in time counts
	// as unanswered; the answer of before stays.
	Timeout time.Duration
}

// Answer is an SRV set: the targets' names, best first.
type Answer []string

// Change is one change of one server's answer.
type Change struct {
	Server netip.AddrPort
	Name   string
	At     time.Time
	From   Answer
	To     Answer
}

// Counts sums up all questions of a watch.
type Counts struct {
	Asked, Unanswered, Empty int
}

// Watch is a running watch.
type Watch struct {
	cfg    Config
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	now     map[netip.AddrPort]map[string]Answer
	changes []Change
	counts  map[netip.AddrPort]*Counts
}

// Start begins to ask. Stop ends it.
func Start(cfg Config) *Watch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watch{cfg: cfg, cancel: cancel, now: map[netip.AddrPort]map[string]Answer{}, counts: map[netip.AddrPort]*Counts{}}
	for _, s := range cfg.Servers {
		w.now[s], w.counts[s] = map[string]Answer{}, &Counts{}
	}
	for _, s := range cfg.Servers {
		w.done.Go(func() { w.run(ctx, s) })
	}
	return w
}

// Stop ends the watch and waits for it.
func (w *Watch) Stop() {
	w.cancel()
	w.done.Wait()
}

// Now returns the last answer of a server.
func (w *Watch) Now(server netip.AddrPort, name string) Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now[server][name]
}

// Changes returns the changes since the time given, oldest first.
func (w *Watch) Changes(since time.Time) []Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.changes, func(c Change) bool { return !c.At.Before(since) })
	if i < 0 {
		return nil
	}
	return slices.Clone(w.changes[i:])
}

// Counts returns how many questions were asked, how many had no answer in time,
// and how many an empty one.
func (w *Watch) Counts() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all Counts
	for _, c := range w.counts {
		all.Asked += c.Asked
		all.Unanswered += c.Unanswered
		all.Empty += c.Empty
	}
	return all
}

// CountsOf returns the counts of one server.
func (w *Watch) CountsOf(server netip.AddrPort) Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *w.counts[server]
}

// WithoutSince returns how long after since the last of the servers stopped to
// answer name with target; false when one of them never did. What a server
// answered later, when the target was back, does not count.
func (w *Watch) WithoutSince(name, target string, since time.Time) (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var last time.Duration
	for _, s := range w.cfg.Servers {
		i := slices.IndexFunc(w.changes, func(c Change) bool {
			return c.Server == s && c.Name == name && !c.At.Before(since) && slices.Contains(c.From, target) && !slices.Contains(c.To, target)
		})
		if i < 0 {
			return 0, false
		}
		last = max(last, w.changes[i].At.Sub(since))
	}
	return last, true
}

func (w *Watch) run(ctx context.Context, server netip.AddrPort) {
	tick := time.NewTicker(w.cfg.Interval)
	defer tick.Stop()
	var conn net.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for {
		for _, name := range w.cfg.Names {
			if ctx.Err() != nil {
				return
			}
			if conn == nil {
				conn, _ = (&net.Dialer{}).DialContext(ctx, "udp", server.String())
			}
			answer, err := ask(conn, name, w.cfg.Timeout)
			w.note(server, name, answer, err)
			if err != nil && conn != nil {
				conn.Close() // a late answer must not be taken for the next one's
				conn = nil
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *Watch) note(server netip.AddrPort, name string, a Answer, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[server].Asked++
	switch {
	case err != nil:
		w.counts[server].Unanswered++
		return
	case len(a) == 0:
		w.counts[server].Empty++
	}
	if old := w.now[server][name]; !slices.Equal(old, a) {
		w.changes = append(w.changes, Change{Server: server, Name: name, At: time.Now(), From: old, To: a})
		w.now[server][name] = a
	}
}

var errNoConn = errors.New("no socket")

// ask asks for an SRV set over UDP.
func ask(conn net.Conn, name string, timeout time.Duration) (Answer, error) {
	if conn == nil {
		return nil, errNoConn
	}
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, fmt.Errorf("name %q: %w", name, err)
	}
	id := uint16(rand.Uint32())
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id},
		Questions: []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeSRV, Class: dnsmessage.ClassINET}},
	}
	packet, err := query.Pack()
	if err != nil {
		return nil, fmt.Errorf("pack query: %w", err)
	}
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(packet); err != nil {
		return nil, err
	}
	buf := make([]byte, 4096)
	size, err := conn.Read(buf)
	if err != nil {
		return nil, err
	}
	return parse(buf[:size], id)
}

func parse(packet []byte, id uint16) (Answer, error) {
	var m dnsmessage.Message
	if err := m.Unpack(packet); err != nil {
		return nil, fmt.Errorf("unpack answer: %w", err)
	}
	if m.ID != id || !m.Response {
		return nil, errors.New("an answer to another question")
	}
	if m.RCode != dnsmessage.RCodeSuccess && m.RCode != dnsmessage.RCodeNameError {
		return nil, fmt.Errorf("answer is %s", m.RCode)
	}
	a := Answer{}
	for _, r := range m.Answers {
		if srv, ok := r.Body.(*dnsmessage.SRVResource); ok {
			a = append(a, strings.ToLower(srv.Target.String()))
		}
	}
	return a, nil
}
