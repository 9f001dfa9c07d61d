package main

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// asker sends one question at an even pace to one name server, and again, as a
// resolver does, when there is no answer within a second.
type asker struct {
	conn   net.Conn
	packet []byte

	mu sync.Mutex
	// guarded by mu:
	open     map[uint16]time.Time // asked last, by ID
	answered int
	bad      int // error, or no records
}

func newAsker(t *testing.T, server netip.AddrPort, name string) *asker {
	t.Helper()
	q := new(dns.Msg)
	q.SetQuestion(name, dns.TypeSRV)
	packet, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", server.String())
	if err != nil {
		t.Fatal(err)
	}
	return &asker{conn: conn, packet: packet, open: map[uint16]time.Time{}}
}

// send asks with an ID. A full socket buffer loses it, as a network does.
func (a *asker) send(id uint16) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open[id] = time.Now()
	binary.BigEndian.PutUint16(a.packet, id)
	_, _ = a.conn.Write(a.packet)
}

// read takes answers until the connection is closed.
func (a *asker) read() {
	buf := make([]byte, 4096)
	for {
		n, err := a.conn.Read(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // a refusal that came back; asked again later
		}
		a.mu.Lock()
		if id := binary.BigEndian.Uint16(buf); n >= 12 && !a.open[id].IsZero() {
			delete(a.open, id)
			a.answered++
			if buf[3]&0xF != 0 || binary.BigEndian.Uint16(buf[6:]) == 0 {
				a.bad++
			}
		}
		a.mu.Unlock()
	}
}

// again asks again what was not answered for a second, and returns how much is
// open.
func (a *asker) again() int {
	a.mu.Lock()
	var late []uint16
	for id, at := range a.open {
		if time.Since(at) > time.Second {
			late = append(late, id)
		}
	}
	n := len(a.open)
	a.mu.Unlock()
	for _, id := range late {
		a.send(id)
	}
	return n
}

// TestNoQuestionUnansweredWithoutALeader asks the name servers that are left, at
// an even pace, while the leader is killed and another one is elected. The rate
// is a few hundred a second here; make leader-loss asks ten thousand.
func TestNoQuestionUnansweredWithoutALeader(t *testing.T) {
	rate := 400
	if s := os.Getenv("SIPSTEER_DNS_RATE"); s != "" {
		var err error
		if rate, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	l := newLab(t)
	leader := l.status().Leader
	killed := slices.Index([]string{"calgary", "ottawa", "vancouver"}, leader)
	var askers []*asker
	var readers sync.WaitGroup
	for i, server := range l.servers() {
		if i == killed {
			continue
		}
		a := newAsker(t, server, westUDP+".voice.example.net.")
		askers = append(askers, a)
		readers.Go(a.read)
	}
	lost := make(chan result, 1)
	asked := 0
	const seconds = 6
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); time.Since(start) < seconds*time.Second; <-tick.C {
		if asked == 0 {
			go func() { lost <- l.run("lab", "break", leader, "agent-kill") }()
		}
		for due := int(time.Since(start).Seconds() * float64(rate)); asked < due; asked++ {
			askers[asked%len(askers)].send(uint16(asked / len(askers)))
		}
		if asked/rate%2 == 1 {
			askers[0].again()
			askers[1].again()
		}
	}
	if r := <-lost; r.code != 0 {
		t.Fatalf("kill the leader: %s", r.err)
	}
	open := func() int { return askers[0].again() + askers[1].again() }
	eventually(t, "every question is answered", patience, func() bool { return open() == 0 })
	eventually(t, "another agent leads", patience, func() bool { st := l.status(); return st.Quorum && st.Leader != leader })
	answered, bad := 0, 0
	for _, a := range askers {
		a.conn.Close()
	}
	readers.Wait()
	for _, a := range askers {
		answered, bad = answered+a.answered, bad+a.bad
	}
	if bad > 0 || answered < asked {
		t.Errorf("%d questions, %d answered, %d of them badly", asked, answered, bad)
	}
	t.Logf("%d questions in %d s, none unanswered", asked, seconds)
}
