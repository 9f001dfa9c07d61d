package gate_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

func TestMain(m *testing.M) {
	if gate.PlayRole() {
		return
	}
	goleak.VerifyTestMain(m)
}

// patience bounds a wait for something that must come. It is never waited out
// in a test that passes.
const patience = time.Minute

var (
	loopback   = netip.MustParseAddrPort("127.0.0.1:0")
	transports = []fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS, fleet.WS, fleet.WSS}
)

// world is a gate on all transports with a softswitch behind it.
type world struct {
	t      *testing.T
	g      *gate.Gate
	sw     *softswitch
	policy gate.Policy
	roots  *x509.CertPool
	cfg    gate.Config
}

func newWorld(t *testing.T, change ...func(*gate.Config)) *world {
	t.Helper()
	cert, roots := selfSigned(t)
	w := &world{t: t, roots: roots, sw: newSoftswitch(t, cert)}
	w.cfg = gate.Config{
		Site: "calgary", TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, UpstreamTLS: &tls.Config{RootCAs: roots},
		Logger: zerolog.New(zerolog.NewTestWriter(t)), UDPSockets: 1,
	}
	for _, tr := range transports {
		w.cfg.Listen = append(w.cfg.Listen, gate.Listener{Transport: tr, Address: loopback})
	}
	for _, f := range change {
		f(&w.cfg)
	}
	w.policy = gate.Policy{
		Rules: map[fleet.Transport]gate.Rule{}, Upstreams: w.sw.addresses(),
		RetryAfterMin: 5, RetryAfterMax: 15, Emergency: []string{"911"},
	}
	w.start()
	t.Cleanup(w.stop)
	return w
}

func (w *world) start() {
	w.t.Helper()
	g, err := gate.New(w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	g.SetPolicy(w.policy)
	if err := g.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.g = g
}

func (w *world) stop() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.g.Stop(ctx); err != nil {
		w.t.Error(err)
	}
}

// set gives all transports one rule.
func (w *world) set(r gate.Rule) {
	w.policy.Rules = map[fleet.Transport]gate.Rule{}
	for _, t := range transports {
		w.policy.Rules[t] = r
	}
	w.g.SetPolicy(w.policy)
}

func (w *world) addr(tr fleet.Transport) netip.AddrPort {
	w.t.Helper()
	for _, l := range w.g.Addrs() {
		if l.Transport == tr {
			return l.Address
		}
	}
	w.t.Fatalf("no listener for %s", tr)
	return netip.AddrPort{}
}

// phone is one user agent, on one socket.
type phone struct {
	t      *testing.T
	tr     fleet.Transport
	conn   net.Conn
	framer *sipwire.Framer
	gate   netip.AddrPort
	fence  int
}

func (w *world) phone(tr fleet.Transport) *phone {
	w.t.Helper()
	p := &phone{t: w.t, tr: tr, gate: w.addr(tr)}
	var err error
	switch tr {
	case fleet.UDP:
		p.conn, err = net.Dial("udp", p.gate.String())
	case fleet.TCP:
		p.conn, err = net.Dial("tcp", p.gate.String())
	case fleet.TLS:
		p.conn, err = tls.Dial("tcp", p.gate.String(), &tls.Config{RootCAs: w.roots})
	default:
		p.conn = w.dialWeb(tr)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { p.conn.Close() })
	p.framer = sipwire.NewFramer(4096, 65535)
	return p
}

func (p *phone) send(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, text); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// recv returns the next message.
func (p *phone) recv() string {
	p.t.Helper()
	text, err := p.read()
	if err != nil {
		p.t.Fatalf("receive: %v", err)
	}
	return text
}

func (p *phone) read() (string, error) {
	p.conn.SetReadDeadline(time.Now().Add(patience))
	if p.tr == fleet.UDP {
		b := make([]byte, 65536)
		n, err := p.conn.Read(b)
		return string(b[:n]), err
	}
	for {
		frame, b, err := p.framer.Next()
		if frame == sipwire.MessageFrame || err != nil {
			return string(b), err
		}
		n, err := p.conn.Read(p.framer.Space())
		if n == 0 && err != nil {
			return "", err
		}
		p.framer.Wrote(n)
	}
}

// closed waits until the gate has closed the connection.
func (p *phone) closed() {
	p.t.Helper()
	text, err := p.read()
	var ne net.Error
	if err == nil || (errors.As(err, &ne) && ne.Timeout()) {
		p.t.Fatalf("connection is still open: %q, %v", text, err)
	}
}

// quiet proves that nothing was sent to the phone for what it sent before: the
// answer to a request that is refused in every mode comes next.
func (p *phone) quiet() {
	p.t.Helper()
	p.fence++
	id := fmt.Sprintf("fence-%d", p.fence)
	p.send(request("OPTIONS", with{callID: id, cseq: "1 REGISTER"}))
	if got := p.recv(); status(got) != "400" || !strings.Contains(got, id) {
		p.t.Fatalf("expected silence, got:\n%s", got)
	}
}

// with says how a request differs from the plain one.
type with struct {
	uri, from, to, branch, callID, cseq, via, extra, body string
}

// request writes a request as a phone behind a NAT does.
func request(method string, o with) string {
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	callID := or(o.callID, "call-1")
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: \"Anna\" <sip:%s>;tag=anna1\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nUser-Agent: Yealink SIP-T46S 66.85.0.5\r\n%sContent-Length: %d\r\n\r\n%s",
		method, or(o.uri, "sip:bob@west.voice.example.net"),
		or(o.via, "SIP/2.0/UDP 10.20.30.40:5062;rport;branch="+or(o.branch, "z9hG4bK-"+callID)), or(o.from, "anna@west.voice.example.net"),
		or(o.to, "<sip:bob@west.voice.example.net>"), callID, or(o.cseq, "1 "+method), o.extra, len(o.body), o.body)
}

// status is the status code of a response, "" for none.
func status(text string) string {
	if !strings.HasPrefix(text, "SIP/2.0 ") || len(text) < 11 {
		return ""
	}
	return text[8:11]
}

// header is the value of the first such field.
func header(text, name string) string {
	for line := range strings.SplitSeq(text, "\r\n") {
		if v, ok := strings.CutPrefix(line, name+": "); ok {
			return v
		}
	}
	return ""
}

// softswitch answers every request with 200, in the plainest way, and keeps what
// it got.
type softswitch struct {
	t    *testing.T
	udp  *net.UDPConn
	tcp  net.Listener
	tls  net.Listener
	ws   net.Listener
	wss  net.Listener
	web  chan string // what was asked for by WebSocket
	got  chan received
	wg   sync.WaitGroup
	mu   sync.Mutex // guards all
	all  []net.Conn
	mute atomic.Bool // answers nothing
}

// received is a request or response that the softswitch got, and how to send
// something back the same way.
type received struct {
	text string
	send func(string)
}

func newSoftswitch(t *testing.T, cert tls.Certificate) *softswitch {
	t.Helper()
	s := &softswitch{t: t, got: make(chan received, 1000), web: make(chan string, 100)}
	var err error
	if s.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback)); err != nil {
		t.Fatal(err)
	}
	if s.tcp, err = net.Listen("tcp", loopback.String()); err != nil {
		t.Fatal(err)
	}
	if s.tls, err = tls.Listen("tcp", loopback.String(), &tls.Config{Certificates: []tls.Certificate{cert}}); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*net.Listener{&s.ws, &s.wss} {
		if *l, err = net.Listen("tcp", loopback.String()); err != nil {
			t.Fatal(err)
		}
	}
	s.wss = tls.NewListener(s.wss, &tls.Config{Certificates: []tls.Certificate{cert}})
	s.ws, s.wss = listenWeb(t, s.ws, s.web), listenWeb(t, s.wss, s.web)
	s.wg.Go(s.serveUDP)
	for _, l := range []net.Listener{s.tcp, s.tls, s.ws, s.wss} {
		s.wg.Go(func() { s.accept(l) })
	}
	t.Cleanup(s.stop)
	return s
}

func (s *softswitch) stop() {
	s.udp.Close()
	s.tcp.Close()
	s.tls.Close()
	s.ws.Close()
	s.wss.Close()
	s.hangUp()
	s.wg.Wait()
}

// hangUp closes all connections.
func (s *softswitch) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.all {
		c.Close()
	}
}

func (s *softswitch) addresses() map[fleet.Transport][]netip.AddrPort {
	of := func(a net.Addr) []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort(a.String())} }
	return map[fleet.Transport][]netip.AddrPort{fleet.UDP: of(s.udp.LocalAddr()), fleet.TCP: of(s.tcp.Addr()), fleet.TLS: of(s.tls.Addr()), fleet.WS: of(s.ws.Addr()), fleet.WSS: of(s.wss.Addr())}
}

func (s *softswitch) serveUDP() {
	b := make([]byte, 65536)
	for {
		n, src, err := s.udp.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			s.handle(b[:n], src, func(text string) { s.udp.WriteToUDPAddrPort([]byte(text), src) })
		}
	}
}

func (s *softswitch) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.all = append(s.all, conn)
		s.mu.Unlock()
		s.wg.Go(func() { s.serveConn(conn) })
	}
}

func (s *softswitch) serveConn(conn net.Conn) {
	defer conn.Close()
	f := sipwire.NewFramer(4096, 65535)
	src := netip.MustParseAddrPort(conn.RemoteAddr().String())
	for {
		for {
			frame, b, err := f.Next()
			if err != nil {
				return
			}
			if frame == sipwire.NoFrame {
				break
			}
			if frame == sipwire.MessageFrame {
				s.handle(b, src, func(text string) { io.WriteString(conn, text) })
			}
		}
		n, err := conn.Read(f.Space())
		if err != nil {
			return
		}
		f.Wrote(n)
	}
}

func (s *softswitch) handle(b []byte, src netip.AddrPort, send func(string)) {
	var m sipwire.Message
	fault := m.Parse(b)
	s.got <- received{text: string(b), send: send}
	if fault == sipwire.None && m.Answerable() && !s.mute.Load() {
		extra := "Server: softswitch\r\n"
		if m.Is("REGISTER") {
			extra += "Contact: <sip:anna@10.20.30.40>;expires=60\r\n"
		}
		send(string(m.AppendReply(nil, sipwire.Reply{Status: 200, Reason: "OK", Tag: []byte("bob1"), Extra: []byte(extra), Source: src})))
	}
}

// next returns what the softswitch got next.
func (s *softswitch) next() received {
	s.t.Helper()
	select {
	case r := <-s.got:
		return r
	case <-time.After(patience):
		s.t.Fatal("the softswitch got nothing")
		return received{}
	}
}

// nothing fails if the softswitch got anything.
func (s *softswitch) nothing() {
	s.t.Helper()
	select {
	case r := <-s.got:
		s.t.Fatalf("the softswitch got:\n%s", r.text)
	default:
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gate test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
}
