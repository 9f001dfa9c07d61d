package divert

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

var (
	public4, own4 = netip.MustParseAddrPort("192.0.2.2:5060"), netip.MustParseAddrPort("192.0.2.2:15060")
	public6, own6 = netip.MustParseAddrPort("[2001:db8::2]:5060"), netip.MustParseAddrPort("[2001:db8::2]:15060")
)

const (
	phone4, phone6 = "192.0.2.7", "2001:db8::7"
	other4         = "192.0.2.99" // another agent's
)

func nftConfig() NftablesConfig {
	var out NftablesConfig
	for _, tr := range both {
		out.Diverted = append(out.Diverted, Diverted{tr, public4, own4}, Diverted{tr, public6, own6})
	}
	out.Direct = []netip.Prefix{netip.MustParsePrefix(other4 + "/32")}
	return out
}

func nftDriver(t *testing.T, cfg NftablesConfig) *Nftables {
	t.Helper()
	n, err := NewNftables(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := n.read(); err != nil {
		t.Skipf("no nf_tables here: %v", err)
	}
	return n
}

func nftPolicy(r gate.Rule) gate.Policy {
	p := policy(r)
	p.Upstreams = map[fleet.Transport][]netip.AddrPort{fleet.UDP: {public4, public6}, fleet.TCP: {public4, public6}}
	return p
}

// behind is a softswitch that says 200 to all, by UDP and TCP, and gives away the
// responses that it gets.
func behind(t *testing.T, at netip.AddrPort) (*net.UDPConn, <-chan string) {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); l.Close() })
	responses := make(chan string, 8)
	go func() { // ends with the socket
		b := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			if answer := agree(string(b[:n])); answer != "" {
				_, _ = conn.WriteToUDPAddrPort([]byte(answer), from)
			} else {
				responses <- string(b[:n])
			}
		}
	}()
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with its connection
				defer c.Close()
				b := make([]byte, 4096)
				for {
					n, err := c.Read(b)
					if err != nil {
						return
					}
					_, _ = io.WriteString(c, agree(string(b[:n])))
				}
			}()
		}
	}()
	return conn, responses
}

// agree answers a request with 200 and its own header, "" for a response.
func agree(request string) string {
	if strings.HasPrefix(request, "SIP/2.0") {
		return ""
	}
	_, header, _ := strings.Cut(request, "\r\n")
	return "SIP/2.0 200 softswitch\r\n" + header
}

func startGate(t *testing.T) *gate.Gate {
	t.Helper()
	var at []gate.Listener
	for _, tr := range both {
		at = append(at, gate.Listener{Transport: tr, Address: own4}, gate.Listener{Transport: tr, Address: own6})
	}
	g, err := gate.New(gate.Config{Site: "calgary", Listen: at})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Stop(t.Context()) })
	return g
}

// phones ask from the other namespace.
type phones struct {
	t     *testing.T
	at    *elsewhere
	asked int
	// hopped: the softswitch got the last request from a hop before it.
	hopped bool
}

func (p *phones) dial(tr fleet.Transport, from string, to netip.AddrPort, unsummed bool) net.Conn {
	p.t.Helper()
	var conn net.Conn
	var err error
	p.at.do(func() {
		if tr == fleet.UDP {
			conn, err = net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, net.UDPAddrFromAddrPort(to))
		} else {
			conn, err = net.DialTCP("tcp", &net.TCPAddr{IP: net.ParseIP(from)}, net.TCPAddrFromAddrPort(to))
		}
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	if unsummed {
		rc, err := conn.(*net.UDPConn).SyscallConn()
		if err != nil {
			p.t.Fatal(err)
		}
		_ = rc.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NO_CHECK, 1) })
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return conn
}

// ask sends a request and returns the first line of the next answer to it.
func (p *phones) ask(conn net.Conn, method, tag string) string {
	p.t.Helper()
	id, err := p.send(conn, method, tag)
	if err != nil {
		return err.Error()
	}
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if err != nil {
		return err.Error()
	}
	line, rest, _ := strings.Cut(string(b[:n]), "\r\n")
	p.hopped = strings.Contains(rest, "Max-Forwards: 69\r\n")
	if !strings.Contains(rest, id) {
		return "the answer to another request: " + line
	}
	return line
}

// send sends a request and returns what its answer contains.
func (p *phones) send(conn net.Conn, method, tag string) (id string, err error) {
	p.t.Helper()
	p.asked++
	tr := strings.ToUpper(conn.LocalAddr().Network())
	text := fmt.Sprintf("%s sip:bob@west.test SIP/2.0\r\nVia: SIP/2.0/%s %s;rport;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: <sip:anna@west.test>;tag=1\r\nTo: <sip:bob@west.test>%s\r\nCall-ID: %d@test\r\nCSeq: 1 %s\r\nContact: <sip:anna@192.0.2.7:9>\r\nContent-Length: 0\r\n\r\n",
		method, tr, conn.LocalAddr(), p.asked, tag, p.asked, method)
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, err = io.WriteString(conn, text)
	return fmt.Sprintf("Call-ID: %d@test\r\n", p.asked), err
}

func (p *phones) expect(what string, conn net.Conn, method, tag, want string) {
	p.t.Helper()
	if got := p.ask(conn, method, tag); !strings.HasPrefix(got, want) {
		p.t.Errorf("%s: %s %s to %s: %q, want %q", what, conn.LocalAddr(), method, conn.RemoteAddr(), got, want)
	}
}

const (
	fromSwitch = "SIP/2.0 200 softswitch"
	refused    = "SIP/2.0 503 "
)

// TestNftablesDiverts drains a softswitch that knows nothing of it, in a network
// of its own: the kernel brings what begins something new to the gate, whose
// answers have the softswitch's address; what is up goes on.
func TestNftablesDiverts(t *testing.T) {
	if !loopbacktest.InNamespace(t, "ip") {
		return
	}
	n := nftDriver(t, nftConfig())
	at := newElsewhere(t, []string{"192.0.2.2/24", "2001:db8::2/64"}, []string{phone4 + "/24", other4 + "/24", phone6 + "/64"})
	p := &phones{t: t, at: at}
	udp, responses := behind(t, public4)
	behind(t, public6)
	g := startGate(t)
	apply := func(r gate.Rule) {
		t.Helper()
		g.SetPolicy(nftPolicy(r))
		if err := n.Apply(t.Context(), nftPolicy(r)); err != nil {
			t.Fatal(err)
		}
	}
	apply(gate.Rule{})
	type line struct {
		name string
		conn net.Conn
	}
	standing := []line{
		{"tcp4 that was up", p.dial(fleet.TCP, phone4, public4, false)},
		{"tcp6 that was up", p.dial(fleet.TCP, phone6, public6, false)},
	}
	packets := []line{
		{"udp4", p.dial(fleet.UDP, phone4, public4, false)},
		{"udp4 without checksum", p.dial(fleet.UDP, phone4, public4, true)},
		{"udp6", p.dial(fleet.UDP, phone6, public6, false)},
	}
	for _, l := range append(standing, packets...) {
		p.expect("open, "+l.name, l.conn, "REGISTER", "", fromSwitch)
	}
	if tables := ourTables(t); len(tables) != 0 {
		t.Errorf("tables %v while the site is open", tables)
	}

	apply(gate.Rule{Mode: gate.Draining})
	for _, l := range standing {
		p.expect("drained, "+l.name, l.conn, "REGISTER", "", fromSwitch)
	}
	fresh := []line{
		{"new tcp4", p.dial(fleet.TCP, phone4, public4, false)},
		{"new tcp6", p.dial(fleet.TCP, phone6, public6, false)},
	}
	for _, l := range append(fresh, packets...) {
		p.expect("drained, "+l.name, l.conn, "INVITE", "", refused)
		p.expect("drained, "+l.name+" in a call", l.conn, "BYE", ";tag=2", fromSwitch)
	}
	p.expect("drained, another agent", p.dial(fleet.UDP, other4, public4, false), "OPTIONS", "", fromSwitch)
	p.expect("drained, another agent", p.dial(fleet.TCP, other4, public4, false), "OPTIONS", "", fromSwitch)
	calledBack(t, udp, responses, packets[0].conn)
	second, err := NewNftables(nftConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Apply(t.Context(), nftPolicy(gate.Rule{Mode: gate.Draining})); err == nil || !strings.Contains(err.Error(), "belongs to another process") {
		t.Errorf("a second one on this machine: %v", err)
	}

	apply(gate.Rule{})
	for _, l := range append(fresh, packets...) {
		p.expect("open again, "+l.name, l.conn, "REGISTER", "", fromSwitch)
	}
	p.expect("open again, next tcp4", p.dial(fleet.TCP, phone4, public4, false), "REGISTER", "", fromSwitch)
	if have, err := n.read(); err != nil || len(have) != 0 {
		t.Errorf("rules %q left, %v", have, err)
	}
	n.cfg.Linger = time.Nanosecond
	apply(gate.Rule{})
	if tables := ourTables(t); len(tables) != 0 {
		t.Errorf("tables %v after the connections had their time", tables)
	}
}

// calledBack: a request of the softswitch to a phone goes past the gate, and so
// does the phone's answer.
func calledBack(t *testing.T, softswitch *net.UDPConn, responses <-chan string, phone net.Conn) {
	t.Helper()
	to := phone.LocalAddr().(*net.UDPAddr).AddrPort()
	if _, err := softswitch.WriteToUDPAddrPort([]byte("OPTIONS sip:anna@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKback\r\n\r\n"), to); err != nil {
		t.Fatal(err)
	}
	_ = phone.SetDeadline(time.Now().Add(patience))
	b := make([]byte, 4096)
	got, err := phone.Read(b)
	if err != nil || !strings.HasPrefix(string(b[:got]), "OPTIONS") {
		t.Fatalf("the phone got %q, %v", b[:got], err)
	}
	if _, err := io.WriteString(phone, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKback\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-responses:
	case <-time.After(patience):
		t.Error("the softswitch did not get the phone's answer")
	}
}

func ourTables(t *testing.T) []string {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.ListTables()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range all {
		out = append(out, x.Name)
	}
	return out
}

// TestNftablesHolder is the other process of TestNftablesEndsWithItsProcess.
func TestNftablesHolder(t *testing.T) {
	if os.Getenv("SIPSTEER_TEST_HOLDER") == "" {
		return // it is no test of its own
	}
	n := nftDriver(t, nftConfig())
	if err := n.Apply(t.Context(), nftPolicy(gate.Rule{Mode: gate.Closed})); err != nil {
		t.Fatal(err)
	}
	fmt.Println("holding")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// TestNftablesEndsWithItsProcess: kill -9 leaves no rule behind, so the phones
// are at the softswitch again, not at a port that nobody listens on. What
// somebody left behind who did not own it is taken away.
func TestNftablesEndsWithItsProcess(t *testing.T) {
	if !loopbacktest.InNamespace(t, "ip") {
		return
	}
	n := nftDriver(t, nftConfig())
	other := holder(t)
	if got := ourTables(t); !slices.Equal(got, []string{"sipsteer"}) {
		t.Errorf("tables %v while it lives", got)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	eventually(t, "its table is gone", func() bool { return len(ourTables(t)) == 0 })

	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	c.AddTable(&nftables.Table{Name: "sipsteer", Family: nftables.TableFamilyINet})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := n.Apply(t.Context(), nftPolicy(gate.Rule{Mode: gate.Draining})); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if got := ourTables(t); len(got) != 0 {
		t.Errorf("tables %v after all", got)
	}
}

// TestNftablesNeedsCapability: without CAP_NET_ADMIN it says so, also while the
// site is open: before it is needed.
func TestNftablesNeedsCapability(t *testing.T) {
	if !loopbacktest.InNamespace(t, "ip") {
		return
	}
	nftDriver(t, nftConfig())
	n, err := NewNftables(nftConfig())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { // ends with its thread, which has lost its rights
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		if err := unix.Capset(&header, &make([]unix.CapUserData, 2)[0]); err != nil {
			done <- err
			return
		}
		done <- n.Apply(t.Context(), nftPolicy(gate.Rule{}))
	}()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "needs CAP_NET_ADMIN") {
		t.Errorf("%v", err)
	}
}
