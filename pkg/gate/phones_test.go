package gate_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/gate/meter"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

// tenant is the domain of the two phones.
const tenant = "tenant.test"

// TestTwoPhonesThroughADrain: two phones of one tenant, which are not ours, call
// each other in turn while their site is drained in two phases. Neither the
// sites' softswitches nor the gates know of each other. No call fails: each goes
// to the site where its callee is.
func TestTwoPhonesThroughADrain(t *testing.T) {
	if testing.Short() {
		t.Skip("the phones register each 15 and 20 s")
	}
	a, b := newSite(t, "calgary"), newSite(t, "ottawa")
	dns := serveDNS(t, a.addr(), b.addr())
	anna, bob := newBaresip(t, "anna", 15, dns), newBaresip(t, "bob", 20, dns)
	eventually(t, func() bool { return a.g.Live().Left == 2 })

	calls := 0
	both := func() {
		anna.call(bob)
		bob.call(anna)
		calls += 2
	}
	both()
	if n := b.g.Stats().Relayed; n > 0 {
		t.Fatalf("%d messages at the second site before the drain", n)
	}
	a.set(gate.Rule{Mode: gate.Draining, PassInvite: true, Reason: "site drained"})
	apart := 0
	for end := time.Now().Add(2 * time.Minute); a.g.Live().Left > 0; {
		if time.Now().After(end) {
			t.Fatalf("the phones do not move: %+v", a.g.Live().Report)
		}
		both()
		if l := a.g.Live(); l.Told == 1 && l.Untold == 1 || l.Left == 1 {
			apart++
		}
	}
	if apart == 0 {
		t.Error("the phones moved at the same moment; nothing was shown")
	}
	both()
	a.set(gate.Rule{Mode: gate.Draining, Reason: "site drained"})
	both()
	t.Logf("%d calls, %d rounds of them while the phones were at two sites", calls, apart)
	if n := b.g.Live().Left; n != 2 {
		t.Errorf("%d of two phones are registered at the second site", n)
	}
	for name, s := range map[string]*site{"first": a, "second": b} {
		if n := s.g.Stats().ByMethod[gate.MethodKey{Transport: fleet.UDP, Method: "INVITE", Action: gate.Relay}]; n == 0 {
			t.Errorf("no call went through the %s site", name)
		}
	}
}

// site is a gate in front of a Kamailio.
type site struct {
	*world
}

func newSite(t *testing.T, name fleet.SiteID) *site {
	t.Helper()
	kamailio := kamailioPath(t)
	public := loopbacktest.AddrPort(t, 5060)
	// Another address with the same port, as in practice: a Via that advertises
	// the gate then has the right port for the answer.
	sw := loopbacktest.AddrPort(t, public.Port())
	cfg, err := filepath.Abs("testdata/kamailio/registrar.cfg")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run(t, kamailio, "-f", cfg, "-DD", "-E", "-l", "udp:"+sw.String()+"/"+public.String(), "-w", dir, "-Y", dir, "-m", "32", "-M", "4")
	listening(t, fleet.UDP, sw)
	w := newWorld(t, func(c *gate.Config) {
		c.Site = name
		c.Listen = []gate.Listener{{Transport: fleet.UDP, Address: public}}
		c.Meter = meter.Config{Settle: 2 * time.Second}
	})
	w.policy.Upstreams = map[fleet.Transport][]netip.AddrPort{fleet.UDP: {sw}}
	s := &site{w}
	s.set(gate.Rule{})
	return s
}

func (s *site) addr() netip.AddrPort { return s.world.addr(fleet.UDP) }

func kamailioPath(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"kamailio", "/usr/sbin/kamailio"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("kamailio is not installed (Debian: kamailio)")
	return ""
}

// serveDNS answers for the tenant's domain: an SRV set with the first site at
// the better priority. It returns its address.
func serveDNS(t *testing.T, first, second netip.AddrPort) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 4096)
		for {
			n, src, err := conn.ReadFromUDPAddrPort(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			var m dnsmessage.Message
			if err != nil || m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Header = dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}
			m.Additionals, m.Answers = nil, records(m.Questions[0], first, second)
			if out, err := m.Pack(); err == nil {
				conn.WriteToUDPAddrPort(out, src)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().String()
}

func records(q dnsmessage.Question, first, second netip.AddrPort) []dnsmessage.Resource {
	h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}
	var out []dnsmessage.Resource
	switch name := strings.ToLower(q.Name.String()); {
	case q.Type == dnsmessage.TypeSRV && name == "_sip._udp."+tenant+".":
		for i, s := range []netip.AddrPort{first, second} {
			target := dnsmessage.MustNewName(fmt.Sprintf("site%d.%s.", i+1, tenant))
			out = append(out, dnsmessage.Resource{Header: h, Body: &dnsmessage.SRVResource{Priority: uint16(10 * (i + 1)), Weight: 1, Port: s.Port(), Target: target}})
		}
	case q.Type == dnsmessage.TypeA && strings.HasPrefix(name, "site1."):
		out = append(out, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: first.Addr().As4()}})
	case q.Type == dnsmessage.TypeA && strings.HasPrefix(name, "site2."):
		out = append(out, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: second.Addr().As4()}})
	}
	return out
}

// baresip is a phone that is told by its control socket what to do.
type baresip struct {
	t    *testing.T
	name string
	conn net.Conn
	in   *bufio.Reader
}

func newBaresip(t *testing.T, name string, every int, dns string) *baresip {
	t.Helper()
	path, err := exec.LookPath("baresip")
	if err != nil {
		t.Skip("baresip is not installed (Debian: baresip-core)")
	}
	modules, _ := filepath.Glob("/usr/lib/*/baresip/modules/ctrl_tcp.so")
	modules = append(modules, "/usr/lib/baresip/modules/ctrl_tcp.so")
	dir, own := t.TempDir(), loopbacktest.Address(t, 5060, 4444)
	ctl := netip.AddrPortFrom(own, 4444)
	write := func(file, text string) {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("config", fmt.Sprintf(`sip_listen %s
dns_server %s
ctrl_tcp_listen %s
audio_source aubridge,nil
audio_player aubridge,nil
audio_alert aubridge,nil
ring_aufile none
module_path %s
module g711.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
`, netip.AddrPortFrom(own, 5060), dns, ctl, filepath.Dir(modules[0])))
	write("accounts", "<sip:"+name+"@"+tenant+";transport=udp>;regint="+strconv.Itoa(every)+";auth_pass=none;answermode=auto\n")
	write("contacts", "")
	p := run(t, path, "-f", dir)
	var conn net.Conn
	eventually(t, func() bool {
		conn, err = net.Dial("tcp", ctl.String())
		return err == nil || p.ended()
	})
	if err != nil {
		t.Fatalf("%s has ended:\n%s", name, p.out.String())
	}
	t.Cleanup(func() { conn.Close() })
	return &baresip{t: t, name: name, conn: conn, in: bufio.NewReader(conn)}
}

// event is what baresip tells of itself.
type event struct{ Type, Param string }

// next reads one event; answers to commands are skipped. They come as netstrings
// of JSON.
func (p *baresip) next() event {
	p.t.Helper()
	p.conn.SetReadDeadline(time.Now().Add(2 * patience))
	for {
		length, err := p.in.ReadString(':')
		if err != nil {
			p.t.Fatalf("%s: %v", p.name, err)
		}
		n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
		if err != nil {
			p.t.Fatalf("%s: %q", p.name, length)
		}
		b := make([]byte, n+1)
		if _, err := io.ReadFull(p.in, b); err != nil {
			p.t.Fatalf("%s: %v", p.name, err)
		}
		var e event
		if json.Unmarshal(b[:n], &e) == nil && e.Type != "" {
			return e
		}
	}
}

// until waits for an event. A call that ends meanwhile has failed.
func (p *baresip) until(want string) {
	p.t.Helper()
	for {
		e := p.next()
		if e.Type == want {
			return
		}
		if e.Type == "CALL_CLOSED" || e.Type == "REGISTER_FAIL" {
			p.t.Fatalf("%s waits for %s and gets %s: %s", p.name, want, e.Type, e.Param)
		}
	}
}

func (p *baresip) command(name, params string) {
	p.t.Helper()
	b, err := json.Marshal(map[string]string{"command": name, "params": params})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(p.conn, "%d:%s,", len(b), b); err != nil {
		p.t.Fatal(err)
	}
}

// call dials the other phone, which answers by itself, and hangs up.
func (p *baresip) call(to *baresip) {
	p.t.Helper()
	p.command("dial", "sip:"+to.name+"@"+tenant)
	p.until("CALL_ESTABLISHED")
	to.until("CALL_ESTABLISHED")
	p.command("hangup", "")
	p.until("CALL_CLOSED")
	to.until("CALL_CLOSED")
}
