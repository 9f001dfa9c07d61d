package dnswatch_test

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sipsteer/sipsteer/pkg/lab/dnswatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	west      = "_sip._udp.west.example.net."
	calgary   = "sip.calgary.example.net."
	vancouver = "sip.vancouver.example.net."
	patience  = time.Minute
)

// server answers SRV questions with what it was told to.
type server struct {
	addr netip.AddrPort

	mu      sync.Mutex
	targets []string
	change  func(*dnsmessage.Message) // nil: as it should be
	silent  bool
}

func newServer(t *testing.T, targets ...string) *server {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: c.LocalAddr().(*net.UDPAddr).AddrPort(), targets: targets}
	done := make(chan struct{})
	go func() { // ends with the socket
		defer close(done)
		buf := make([]byte, 512)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if reply := s.answer(buf[:n]); reply != nil {
				_, _ = c.WriteToUDPAddrPort(reply, from)
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return s
}

func (s *server) answer(packet []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var m dnsmessage.Message
	if m.Unpack(packet) != nil || s.silent {
		return nil
	}
	m.Response, m.Authoritative = true, true
	for i, target := range s.targets {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 5},
			Body:   &dnsmessage.SRVResource{Priority: uint16(10 * i), Port: 5060, Target: dnsmessage.MustNewName(target)},
		})
	}
	if s.change != nil {
		s.change(&m)
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

func (s *server) set(f func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func watch(t *testing.T, timeout time.Duration, servers ...*server) *dnswatch.Watch {
	t.Helper()
	cfg := dnswatch.Config{Names: []string{west}, Interval: time.Millisecond, Timeout: timeout}
	for _, s := range servers {
		cfg.Servers = append(cfg.Servers, s.addr)
	}
	w := dnswatch.Start(cfg)
	t.Cleanup(w.Stop)
	return w
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// TestChanges: each server's change is seen once, with what it was; the last
// server decides when a target is gone from all.
func TestChanges(t *testing.T) {
	a, b := newServer(t, calgary, vancouver), newServer(t, calgary, vancouver)
	w := watch(t, patience, a, b)
	both := dnswatch.Answer{calgary, vancouver}
	eventually(t, "both answer", func() bool {
		return slices.Equal(w.Now(a.addr, west), both) && slices.Equal(w.Now(b.addr, west), both)
	})
	since := time.Now()
	if got := w.Changes(since); len(got) != 0 {
		t.Errorf("changes before any: %v", got)
	}
	leave := func(s *server) { s.targets = []string{vancouver} }
	a.set(leave)
	eventually(t, "one changes", func() bool { return len(w.Changes(since)) == 1 })
	if _, all := w.WithoutSince(west, calgary, since); all {
		t.Error("calgary has left all servers, and one of them answers it")
	}
	b.set(leave)
	eventually(t, "the other changes", func() bool { return len(w.Changes(since)) == 2 })
	took, all := w.WithoutSince(west, calgary, since)
	last := w.Changes(since)[1]
	if !all || took != last.At.Sub(since) {
		t.Errorf("calgary left all after %s (%t), the last change is at %s", took, all, last.At.Sub(since))
	}
	if last.Server != b.addr || last.Name != west || !slices.Equal(last.From, both) || !slices.Equal(last.To, dnswatch.Answer{vancouver}) {
		t.Errorf("the last change: %+v", last)
	}
	// It comes back; that it had left is not forgotten.
	a.set(func(s *server) { s.targets = both })
	eventually(t, "calgary is back", func() bool { return len(w.Changes(since)) == 3 })
	if again, all := w.WithoutSince(west, calgary, since); !all || again != took {
		t.Errorf("after its return: %s, %t", again, all)
	}
}

// TestCounts: an empty answer, a name that is gone and silence are counted, and
// silence keeps the answer of before.
func TestCounts(t *testing.T) {
	s := newServer(t, calgary)
	w := watch(t, 20*time.Millisecond, s)
	eventually(t, "an answer", func() bool { return len(w.Now(s.addr, west)) == 1 })
	s.set(func(s *server) { s.silent = true })
	eventually(t, "silence", func() bool { return w.CountsOf(s.addr).Unanswered > 1 })
	if got := w.Now(s.addr, west); !slices.Equal(got, dnswatch.Answer{calgary}) {
		t.Errorf("while silent: %v", got)
	}
	for name, change := range map[string]func(*dnsmessage.Message){
		"empty": func(m *dnsmessage.Message) { m.Answers = nil },
		"gone":  func(m *dnsmessage.Message) { m.Answers, m.RCode = nil, dnsmessage.RCodeNameError },
	} {
		before := w.Counts().Empty
		s.set(func(s *server) { s.silent, s.change = false, change })
		eventually(t, name, func() bool { return w.Counts().Empty > before })
	}
	if c := w.Counts(); c.Asked < c.Unanswered+c.Empty || c != w.CountsOf(s.addr) {
		t.Errorf("counts: %+v", c)
	}
}

// TestWrongAnswers: an answer to another question, a refusal and a question
// sent back count as none.
func TestWrongAnswers(t *testing.T) {
	for name, change := range map[string]func(*dnsmessage.Message){
		"another ID":    func(m *dnsmessage.Message) { m.ID++ },
		"no answer":     func(m *dnsmessage.Message) { m.Response = false },
		"refused":       func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeRefused },
		"server failed": func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeServerFailure },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, calgary)
			s.set(func(s *server) { s.change = change })
			w := watch(t, patience, s)
			eventually(t, "three questions", func() bool { return w.Counts().Asked > 2 })
			w.Stop()
			if c := w.Counts(); c.Unanswered != c.Asked || len(w.Now(s.addr, west)) != 0 {
				t.Errorf("counts %+v, answer %v", c, w.Now(s.addr, west))
			}
		})
	}
}
