package softswitch_test

import (
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/icholy/digest"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/softswitch"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/storage"
)

// TestWell: without a fault it answers on every transport.
func TestWell(t *testing.T) {
	w := newWorld(t)
	for _, tr := range transports {
		c := w.client(tr)
		c.options()
		c.want(200)
	}
}

// TestDown: ports are closed, connections are reset, bindings and calls are
// gone; healed, all ports are back where they were.
func TestDown(t *testing.T) {
	w := newWorld(t)
	before := w.Addrs()
	udp, tcp := w.client(fleet.UDP), w.client(fleet.TCP)
	tcp.register("Contact: <sip:alice@127.0.0.1:5070>", "Expires: 60")
	tcp.want(200)
	tcp.request("INVITE", "sip:echo@west.example.net", "<sip:echo@west.example.net>")
	tcp.want(180)
	tcp.want(200)

	w.broken(softswitch.Down)
	if _, err := tcp.next(patience); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ends with %v, want a reset", err)
	}
	udp.options()
	if _, err := udp.next(patience); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("UDP: %v, want port unreachable", err)
	}
	for _, tr := range []fleet.Transport{fleet.TCP, fleet.TLS} {
		if _, err := w.connect(tr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("connect over %s: %v, want refused", tr, err)
		}
	}
	if s := w.Stats(); s.Bindings != 0 || s.Calls != 0 || s.Dropped != 1 {
		t.Errorf("after the crash: %+v", s)
	}

	w.healed()
	for tr, a := range w.Addrs() {
		if a != before[tr] {
			t.Errorf("%s came back at %s, was %s", tr, a, before[tr])
		}
		c := w.client(tr)
		c.options()
		c.want(200)
	}
}

// TestHang: sockets accept and read, and nothing is ever said.
func TestHang(t *testing.T) {
	w := newWorld(t)
	old := w.client(fleet.TCP)
	w.broken(softswitch.Hang)
	for _, c := range []*client{old, w.client(fleet.UDP), w.client(fleet.TCP)} {
		c.options()
		c.silent()
	}
	wantHandshakeHangs(t, w)
	w.healed()
	c := w.client(fleet.UDP)
	c.options()
	c.want(200)
}

// TestSlow: every answer comes, late.
func TestSlow(t *testing.T) {
	const by = 300 * time.Millisecond
	w := newWorld(t, func(c *softswitch.Config) { c.SlowBy = by })
	w.broken(softswitch.Slow)
	for _, tr := range transports {
		c := w.client(tr)
		start := time.Now()
		c.options()
		c.want(200)
		if took := time.Since(start); took < by {
			t.Errorf("over %s answered after %s, want %s at least", tr, took, by)
		}
	}
}

// TestFlap: down and up in turn, by itself.
func TestFlap(t *testing.T) {
	const half = 50 * time.Millisecond
	w := newWorld(t, func(c *softswitch.Config) { c.FlapDown, c.FlapUp = half, half })
	w.broken(softswitch.Flap)
	refused := func() bool {
		_, err := w.connect(fleet.TCP)
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	for range 3 {
		eventually(t, "down", refused)
		eventually(t, "up", func() bool { return !refused() })
	}
	w.broken(softswitch.Down) // another fault ends it
	c := w.client(fleet.UDP)
	for end := time.Now().Add(4 * half); time.Now().Before(end); {
		c.options()
		if res, err := c.next(half); err == nil {
			t.Fatalf("down after flap answers %d", res.StatusCode)
		}
	}
	w.healed()
	w.client(fleet.TCP)
}

// TestTLSHang: over TLS the handshake never ends and what is connected is
// mute; the other transports are well. This was Calgary's outage.
func TestTLSHang(t *testing.T) {
	w := newWorld(t)
	old := w.client(fleet.TLS)
	w.broken(softswitch.TLSHang)
	old.options()
	old.silent()
	wantHandshakeHangs(t, w)
	for _, tr := range []fleet.Transport{fleet.UDP, fleet.TCP} {
		c := w.client(tr)
		c.options()
		c.want(200)
	}
	w.healed()
	c := w.client(fleet.TLS)
	c.options()
	c.want(200)
}

// wantHandshakeHangs: TCP accepts, and to a first TLS record comes nothing.
func wantHandshakeHangs(t *testing.T, w *world) {
	t.Helper()
	c, err := net.Dial("tcp", w.Addrs()[fleet.TLS].String())
	if err != nil {
		t.Fatalf("TCP at the TLS port: %v", err)
	}
	defer c.Close()
	hello := []byte("\x16\x03\x01\x00\x05hello") // a well softswitch sends an alert
	if _, err := c.Write(hello); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(silence))
	var timeout net.Error
	if n, err := c.Read(make([]byte, 100)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("handshake: %d octets, %v; want silence", n, err)
	}
}

// TestTLSBadCert: the certificate has expired; clients that look refuse it, and
// the connections of before are cut.
func TestTLSBadCert(t *testing.T) {
	w := newWorld(t)
	old := w.client(fleet.TLS)
	w.broken(softswitch.TLSBadCert)
	if _, err := old.next(patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the old connection: %v, want its end", err)
	}
	var invalid x509.CertificateInvalidError
	if _, err := w.connect(fleet.TLS); !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
		t.Errorf("connect: %v, want an expired certificate", err)
	}
	c := w.client(fleet.TCP)
	c.options()
	c.want(200)
	w.healed()
	w.client(fleet.TLS)
}

// TestRegisterTimeout: OPTIONS and calls are answered, REGISTER is not.
func TestRegisterTimeout(t *testing.T) {
	w := newWorld(t)
	w.broken(softswitch.RegisterTimeout)
	for _, tr := range transports {
		c := w.client(tr)
		c.register("Contact: <sip:alice@127.0.0.1:5070>")
		c.silent()
		c.options()
		c.want(200)
	}
	w.healed()
	c := w.client(fleet.UDP)
	c.register("Contact: <sip:alice@127.0.0.1:5070>")
	c.want(200)
}

// TestAuthReset: no login is right any more, and OPTIONS looks well.
func TestAuthReset(t *testing.T) {
	w := newWorld(t)
	w.broken(softswitch.AuthReset)
	c := w.client(fleet.UDP)
	c.register("Contact: <sip:alice@127.0.0.1:5070>")
	if res := c.want(401); res.GetHeader("WWW-Authenticate") == nil {
		t.Error("401 without a challenge")
	}
	c.register("Contact: <sip:alice@127.0.0.1:5070>", `Authorization: Digest username="alice", realm="lab", nonce="1", uri="sip:x", response="0"`)
	c.want(403)
	c.options()
	c.want(200)
	if n := w.Stats().Bindings; n != 0 {
		t.Errorf("%d bindings", n)
	}
}

// TestPasswords: who has one must prove it, by whatever domain; all others are let
// in as they are.
func TestPasswords(t *testing.T) {
	w := newWorld(t, func(c *softswitch.Config) { c.Passwords = map[string]string{"alice": "right"} })
	c := w.client(fleet.UDP)
	for _, tt := range []struct {
		password string
		code     int
	}{{"wrong", 403}, {"right", 200}} {
		c.register("Contact: <sip:alice@127.0.0.1:5070>")
		ch, err := digest.ParseChallenge(c.want(401).GetHeader("WWW-Authenticate").Value())
		if err != nil {
			t.Fatal(err)
		}
		proof, err := digest.Digest(ch, digest.Options{Method: "REGISTER", URI: "sip:acme.example", Count: 1, Username: "alice", Password: tt.password})
		if err != nil {
			t.Fatal(err)
		}
		c.register("Contact: <sip:alice@127.0.0.1:5070>", "Authorization: "+proof.String())
		c.want(tt.code)
	}
	c.request("REGISTER", "sip:west.example.net", "<sip:bob@west.example.net>", "Contact: <sip:bob@127.0.0.1:5070>")
	c.want(200)
	c.register("Contact: <sip:alice@127.0.0.1:5070>", "Authorization: Digest nonsense")
	c.want(403)
	if n := w.Stats().Bindings; n != 2 {
		t.Errorf("%d bindings", n)
	}
}

// TestCallDrop: calls are taken and end by themselves.
func TestCallDrop(t *testing.T) {
	w := newWorld(t)
	w.broken(softswitch.CallDrop)
	c := w.client(fleet.UDP)
	c.request("INVITE", "sip:echo@west.example.net", "<sip:echo@west.example.net>")
	c.want(180)
	to := c.want(200).To().Value()
	eventually(t, "the call is dropped", func() bool { return w.Stats().Dropped == 1 && w.Stats().Calls == 0 })
	c.request("BYE", "sip:echo@west.example.net", to)
	c.want(481)
}

// TestDiskCorrupt: bindings are lost and REGISTER fails.
func TestDiskCorrupt(t *testing.T) {
	w := newWorld(t)
	c := w.client(fleet.UDP)
	c.register("Contact: <sip:alice@127.0.0.1:5070>")
	c.want(200)
	w.broken(softswitch.DiskCorrupt)
	if n := w.Stats().Bindings; n != 0 {
		t.Errorf("%d bindings are left", n)
	}
	c.register("Contact: <sip:alice@127.0.0.1:5070>")
	c.want(500)
	c.request("INVITE", "sip:alice@west.example.net", "<sip:alice@west.example.net>")
	c.want(404)
}

// TestDiskIsReal: the disk is gone for everyone who writes to it, not only for
// the softswitch, which says of itself that it goes on; healed, or after the next
// start, it is back without what was on it.
func TestDiskIsReal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "disk")
	w := newWorld(t, func(c *softswitch.Config) { c.Dir = dir })
	check := func(good bool) {
		t.Helper()
		r := storage.New().Probe(t.Context(), probes.Spec{Question: probes.Question{Dir: dir}})
		if good != (r.Cause == health.CauseNone) || !good && r.Cause != health.CauseStorage {
			t.Errorf("the storage check says %s: %s", r.Cause, r.Detail)
		}
	}
	c := w.client(fleet.UDP)
	c.register("Contact: <sip:alice@127.0.0.1:5070>")
	c.want(200)
	check(true)
	w.broken(softswitch.DiskCorrupt)
	check(false)
	c.register("Contact: <sip:alice@127.0.0.1:5070>")
	c.want(500)
	c.request("OPTIONS", "sip:127.0.0.1", "<sip:127.0.0.1>")
	c.want(200)
	w.healed()
	check(true)
	c.register("Contact: <sip:alice@127.0.0.1:5070>")
	c.want(200)
	if text, err := os.ReadFile(filepath.Join(dir, "locations")); err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("on the disk, after one registration: %q, %v", text, err)
	}
	w.broken(softswitch.DiskCorrupt) // and killed
	next := newWorld(t, func(c *softswitch.Config) { c.Dir = dir })
	check(true)
	next.healed()
}

// TestFaultNames: each fault has a name that reads back, and a wrong one is
// answered with the right ones.
func TestFaultNames(t *testing.T) {
	for _, f := range softswitch.Faults() {
		if got, err := softswitch.ParseFault(string(f)); err != nil || got != f {
			t.Errorf("%s reads back as %q, %v", f, got, err)
		}
	}
	if _, err := softswitch.ParseFault("tired"); err == nil || err.Error() != `no fault is called "tired" (one of down, hang, slow, flap, tls-hang, tls-bad-cert, register-timeout, auth-reset, call-drop, disk-corrupt)` {
		t.Errorf("tired: %v", err)
	}
}
