package phones_test

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab/phones"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	west     = "west.example.net"
	patience = time.Minute
	refresh  = 100 * time.Millisecond
)

// world is a name server and two registrars, calgary and vancouver, at one port
// of two addresses.
type world struct {
	t                  *testing.T
	dns                *nameServer
	calgary, vancouver *registrar
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dns: newNameServer(t)}
	w.calgary = newRegistrar(t, "127.0.0.1:0")
	w.vancouver = newRegistrar(t, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), w.calgary.addr.Port()).String())
	w.answer(0, "calgary", "vancouver")
	return w
}

// answer makes the name server answer with the sites, best first. The address
// of the domain itself is the first one's.
func (w *world) answer(ttl uint32, sites ...string) {
	addr := map[string]netip.Addr{"calgary": w.calgary.addr.Addr(), "vancouver": w.vancouver.addr.Addr()}
	records := map[string][]dnsmessage.ResourceBody{}
	for i, s := range sites {
		host := "sip." + s + ".example.net."
		records["_sip._udp."+west+"."] = append(records["_sip._udp."+west+"."], &dnsmessage.SRVResource{
			Priority: uint16(10 * (i + 1)), Port: w.calgary.addr.Port(), Target: dnsmessage.MustNewName(host),
		})
		records[host] = []dnsmessage.ResourceBody{&dnsmessage.AResource{A: addr[s].As4()}}
	}
	records[west+"."] = []dnsmessage.ResourceBody{&dnsmessage.AResource{A: addr[sites[0]].As4()}}
	w.dns.set(ttl, records)
}

// crowd starts phones of the groups.
func (w *world) crowd(groups ...phones.Group) *phones.Crowd {
	w.t.Helper()
	for i := range groups {
		groups[i].Service = west
		groups[i].Count = max(1, groups[i].Count)
		if groups[i].Transport == 0 {
			groups[i].Transport = fleet.UDP
		}
	}
	c, err := phones.New(phones.Config{
		Groups: groups, NameServers: []netip.AddrPort{w.dns.addr}, Port: func(fleet.Transport) uint16 { return w.calgary.addr.Port() },
		SiteOf: func(a netip.AddrPort) fleet.SiteID {
			return map[netip.AddrPort]fleet.SiteID{w.calgary.addr: "calgary", w.vancouver.addr: "vancouver"}[a]
		},
		Refresh: refresh, StartSpread: time.Millisecond, T1: 20 * time.Millisecond, TimerF: 150 * time.Millisecond, CallCheck: 20 * time.Millisecond, Seed: 1,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	c.Start()
	w.t.Cleanup(func() { w.stop(c) })
	return c
}

func (w *world) stop(c *phones.Crowd) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		w.t.Error(err)
	}
}

// at waits until all phones are registered at the site.
func (w *world) at(c *phones.Crowd, site fleet.SiteID) {
	w.t.Helper()
	w.eventually("registered at "+string(site), func() bool { s := c.Snapshot(); return s.Registered[site] == s.Phones })
}

// lost waits until no phone is registered.
func (w *world) lost(c *phones.Crowd) {
	w.t.Helper()
	w.eventually("lost", func() bool { s := c.Snapshot(); return s.Unregistered == s.Phones })
}

// refreshes waits for n more REGISTERs of the registrar.
func (w *world) refreshes(r *registrar, n int) {
	w.t.Helper()
	before := r.count(sip.REGISTER)
	w.eventually("refreshes", func() bool { return r.count(sip.REGISTER) >= before+n })
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-end:
			w.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// serveUDP hands datagrams to f and sends back what it returns, until the test
// ends.
func serveUDP(t *testing.T, at string, f func([]byte) []byte) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with the socket
		defer close(done)
		buf := make([]byte, 65535)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if reply := f(append([]byte{}, buf[:n]...)); reply != nil {
				_, _ = c.WriteToUDPAddrPort(reply, from)
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// nameServer answers from a table.
type nameServer struct {
	addr netip.AddrPort

	mu      sync.Mutex
	ttl     uint32
	records map[string][]dnsmessage.ResourceBody
	asked   map[dnsmessage.Type]int
}

func newNameServer(t *testing.T) *nameServer {
	s := &nameServer{asked: map[dnsmessage.Type]int{}}
	s.addr = serveUDP(t, "127.0.0.1:0", s.answer)
	return s
}

func (s *nameServer) set(ttl uint32, records map[string][]dnsmessage.ResourceBody) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ttl, s.records = ttl, records
}

// add puts one more record beside the others.
func (s *nameServer) add(name string, r dnsmessage.ResourceBody) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[name] = append(s.records[name], r)
}

// questions returns how many were asked, by type.
func (s *nameServer) questions() map[dnsmessage.Type]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.asked)
}

func typeOf(r dnsmessage.ResourceBody) dnsmessage.Type {
	switch r := r.(type) {
	case *dnsmessage.SRVResource:
		return dnsmessage.TypeSRV
	case *dnsmessage.UnknownResource:
		return r.Type
	}
	return dnsmessage.TypeA
}

func (s *nameServer) answer(packet []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var m dnsmessage.Message
	if m.Unpack(packet) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	s.asked[q.Type]++
	m.Response = true
	for _, r := range s.records[strings.ToLower(q.Name.String())] {
		if typeOf(r) == q.Type {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type, TTL: s.ttl}, Body: r})
		}
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

// registrar answers REGISTER, and what belongs to calls, with codes; 0 is
// silence.
type registrar struct {
	addr netip.AddrPort

	mu              sync.Mutex
	register, calls int
	got             map[sip.RequestMethod]int
}

func newRegistrar(t *testing.T, at string) *registrar {
	r := &registrar{register: 200, calls: 200, got: map[sip.RequestMethod]int{}}
	r.mu.Lock() // answer waits until it knows its address
	defer r.mu.Unlock()
	r.addr = serveUDP(t, at, r.answer)
	return r
}

func (r *registrar) answer(packet []byte) []byte {
	m, err := sip.ParseMessage(packet)
	req, ok := m.(*sip.Request)
	if err != nil || !ok {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got[req.Method]++
	code := r.calls
	if req.Method == sip.REGISTER {
		code = r.register
	}
	if code == 0 || req.Method == sip.ACK {
		return nil
	}
	res := sip.NewResponseFromRequest(req, code, "Answer", nil)
	res.AppendHeader(sip.NewHeader("Contact", "<sip:echo@"+r.addr.String()+">"))
	return []byte(res.String())
}

// answers sets the code for REGISTER.
func (r *registrar) answers(code int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.register = code
}

// answersCalls sets the code for all else.
func (r *registrar) answersCalls(code int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = code
}

func (r *registrar) count(m sip.RequestMethod) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[m]
}
