package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// TestSourceLimit: one source has its rate and a second's worth at once, its
// neighbours and those exempt know nothing of it, and it is named, not too often.
func TestSourceLimit(t *testing.T) {
	var log bytes.Buffer
	s := newSourceLimit(10, []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, zerolog.New(&log))
	loud, quiet, trunk := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("198.51.100.8"), netip.MustParseAddr("203.0.113.1")
	allowed := 0
	for i := range 1000 { // 100 a second for 10 s
		now := noon.Add(time.Duration(i) * 10 * time.Millisecond)
		if s.allow(loud, now) {
			allowed++
		}
		if i%20 == 0 && !s.allow(quiet, now) {
			t.Fatal("a neighbour is limited")
		}
		if !s.allow(trunk, now) || !s.allow(netip.MustParseAddr("127.0.0.9"), now) || !s.allow(netip.MustParseAddr("::1"), now) {
			t.Fatal("one that is exempt is limited")
		}
	}
	if allowed < 105 || allowed > 112 {
		t.Errorf("%d of a flood passed; 10 a second and 10 at once are 109", allowed)
	}
	got := s.list()
	if len(got) != 1 || got[0].Source != loud || got[0].Dropped != uint64(1000-allowed) {
		t.Errorf("offenders %+v", got)
	}
	if n := bytes.Count(log.Bytes(), []byte("\n")); n != 1 || !bytes.Contains(log.Bytes(), []byte("198.51.100.7")) {
		t.Errorf("%d log lines: %s", n, log.String())
	}
}

// TestSourceLimitIsBounded: forged sources fill no memory, and a network of IPv6
// counts as one.
func TestSourceLimitIsBounded(t *testing.T) {
	s := newSourceLimit(1, nil, zerolog.Nop())
	for i := range 100_000 {
		a := netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
		s.allow(a, noon)
		s.allow(a, noon)
	}
	if n := len(s.list()); n > maxOffenders {
		t.Errorf("%d offenders", n)
	}
	later := noon.Add(time.Minute)
	if !s.allow(netip.MustParseAddr("2001:db8::1"), later) || s.allow(netip.MustParseAddr("2001:db8::2"), later) {
		t.Error("two addresses of one /64 are counted apart")
	}
}

// TestAdmission: new registrations come at the rate that the softswitch takes,
// and Retry-After grows with the queue, up to its bound.
func TestAdmission(t *testing.T) {
	var a admission
	admitted := 0
	for i := range 1000 { // 100 a second, 10 a second are taken
		if a.admit(10, noon.Add(time.Duration(i)*10*time.Millisecond)) {
			admitted++
		}
	}
	if admitted < 105 || admitted > 112 {
		t.Errorf("%d of 1000 admitted", admitted)
	}
	if s := a.spread(); s < 50 || s > maxRetryAfter {
		t.Errorf("those turned away come back over %d s", s)
	}
	if !a.admit(10, noon.Add(time.Minute)) || !a.admit(0, noon) {
		t.Error("nothing is admitted when it is quiet, or without a limit")
	}
}

// TestHandshakesInTurn: a source with many connections waits for itself.
func TestHandshakesInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, stop := newHandshakes(1), make(chan struct{})
		loud, quiet := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("198.51.100.8")
		if !h.enter(t.Context(), stop, loud) {
			t.Fatal("no place when all are free")
		}
		order := make(chan string, 10)
		wait := func(name string, a netip.Addr) {
			go func() { // ends below: each gets a place or gives up
				if h.enter(t.Context(), stop, a) {
					order <- name
				}
			}()
			synctest.Wait()
		}
		for i := range 3 {
			wait(fmt.Sprint("loud", i), loud)
		}
		wait("quiet", quiet)
		var got []string
		for range 4 {
			h.leave()
			got = append(got, <-order)
		}
		if want := "[loud0 quiet loud1 loud2]"; fmt.Sprint(got) != want {
			t.Errorf("in the order %v, want %s", got, want)
		}
		h.leave()
		if h.free != 1 || len(h.wait) != 0 || len(h.turns) != 0 {
			t.Errorf("%d free, %d waiting", h.free, len(h.wait))
		}
	})
}

// TestHandshakeGivesUp: who stops waiting takes no place with it.
func TestHandshakeGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, stop := newHandshakes(1), make(chan struct{})
		a := netip.MustParseAddr("198.51.100.7")
		h.enter(t.Context(), stop, a)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if h.enter(ctx, stop, a) {
			t.Fatal("two places of one")
		}
		stopped := make(chan bool)
		go func() { stopped <- h.enter(context.Background(), stop, a) }()
		synctest.Wait()
		close(stop)
		if <-stopped {
			t.Fatal("a place of a gate that stops")
		}
		h.leave()
		if h.free != 1 {
			t.Errorf("%d free", h.free)
		}
		if !h.enter(t.Context(), stop, a) {
			t.Error("the place is lost")
		}
	})
}

// from is a connection that comes from another address.
type from struct {
	net.Conn
	addr netip.AddrPort
}

func (f from) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(f.addr) }

// TestConnectionsOfOneSource: the limit holds for each source, a place that is
// left is free again, and who opens too many is named.
func TestConnectionsOfOneSource(t *testing.T) {
	g, err := New(Config{Site: "calgary", MaxPerSource: 2, Listen: []Listener{{fleet.TCP, netip.MustParseAddrPort("127.0.0.1:0")}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &streamListener{g: g, local: newLocal(fleet.TCP, netip.MustParseAddrPort("192.0.2.1:5060"))}
	open := func(addr string) net.Conn {
		phone, conn := net.Pipe()
		g.conns.serve(s, from{conn, netip.MustParseAddrPort(addr)})
		return phone
	}
	closed := func(c net.Conn) bool {
		c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, err := c.Read(make([]byte, 1))
		return errors.Is(err, io.EOF)
	}
	a, b, c := open("198.51.100.7:1"), open("198.51.100.7:2"), open("198.51.100.7:3")
	other := open("198.51.100.8:1")
	if closed(a) || closed(b) || closed(other) || !closed(c) {
		t.Error("two of one source and one of another should be open")
	}
	if got := g.sources.list(); len(got) != 1 || got[0].Source.String() != "198.51.100.7" {
		t.Errorf("offenders %+v", got)
	}
	a.Close()
	for g.conns.count() > 2 {
		runtime.Gosched()
	}
	if d := open("198.51.100.7:4"); closed(d) {
		t.Error("the place that was left is not free")
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
