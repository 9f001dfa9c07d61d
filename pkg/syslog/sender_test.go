package syslog

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// message is RFC 5424 §6, as strictly as these tests need it.
var message = regexp.MustCompile(`^<(\d{1,3})>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z [!-~]{1,255} [!-~]{1,48} (-|[!-~]{1,128}) [!-~]{1,32} (-|\[[^\]\\"]+ ([!-~]+="(\\["\\\]]|[^"\\\]])*" ?)+\]) \x{FEFF}.*$`)

func line(i int) string {
	return fmt.Sprintf("<109>1 2026-05-04T03:00:00.000005Z calgary sipsteer - drain [sipsteer@32473 index=\"%d\"] \ufeffd\u00e9part %d", i, i)
}

func lines(from, to int) (out []string) {
	for i := from; i < to; i++ {
		out = append(out, line(i))
	}
	return out
}

// receiver takes counted octets (RFC 6587 §3.4.1) and holds them to RFC 5424.
type receiver struct {
	net.Listener
	got  chan string
	bad  chan error
	ends chan struct{} // one for each connection that has ended
}

func receive(t *testing.T, l net.Listener) *receiver {
	t.Helper()
	r := &receiver{l, make(chan string, 10000), make(chan error, 100), make(chan struct{}, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.serve(c)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return r
}

func (r *receiver) serve(c net.Conn) {
	defer func() { c.Close(); r.ends <- struct{}{} }()
	in := bufio.NewReader(c)
	for {
		head, err := in.ReadString(' ')
		if err != nil {
			if head != "" {
				r.bad <- fmt.Errorf("half a count: %q", head)
			}
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(head, " "))
		if err != nil || head[0] == '0' {
			r.bad <- fmt.Errorf("count %q: %w", head, err)
			return
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			return
		}
		if !message.Match(b) {
			r.bad <- fmt.Errorf("no message of RFC 5424: %q", b)
		}
		r.got <- string(b)
		if strings.HasSuffix(string(b), "part 13") {
			return // it dies
		}
	}
}

func (r *receiver) want(t *testing.T, want []string) {
	t.Helper()
	for i, w := range want {
		select {
		case got := <-r.got:
			if got != w {
				t.Fatalf("message %d: %q, want %q", i, got, w)
			}
		case err := <-r.bad:
			t.Fatal(err)
		case <-time.After(patience):
			t.Fatalf("message %d of %d has not come", i, len(want))
		}
	}
}

func sender(t *testing.T, to string, change func(*Config)) *Sender {
	t.Helper()
	a, err := ParseAddress(to)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{To: a, Timeout: patience}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestTCP: in order, in one connection; a receiver that has closed it meanwhile is
// connected to anew, and nothing is lost or told twice.
func TestTCP(t *testing.T) {
	r := receive(t, listen(t))
	s := sender(t, "tcp://"+r.Addr().String(), nil)
	for _, part := range [][]string{lines(0, 5), lines(5, 14)} { // the receiver ends the connection behind the 13th
		if err := s.Send(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	r.want(t, lines(0, 14))
	<-r.ends
	eventually(t, func() bool { _, err := s.settled(); return errors.Is(err, ErrGone) })
	if err := s.Send(t.Context(), lines(14, 300)); err != nil {
		t.Fatal(err)
	}
	r.want(t, lines(14, 300))
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	end := time.Now().Add(patience)
	for tick := time.NewTicker(time.Millisecond); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("not in time")
		}
	}
}

// TestDeadReceivers: nobody listens; one that takes nothing off its connection; one
// that closes it in the middle. None is told of as one that has all.
func TestDeadReceivers(t *testing.T) {
	l := listen(t)
	nobody := l.Addr().String()
	l.Close()
	if err := sender(t, "tcp://"+nobody, nil).Send(t.Context(), lines(0, 1)); err == nil {
		t.Error("sent to nobody")
	}

	deaf := listen(t)
	defer deaf.Close()
	s := sender(t, "tcp://"+deaf.Addr().String(), func(c *Config) { c.Timeout = 300 * time.Millisecond })
	big := strings.Repeat("x", 1<<20)
	if err := s.Send(t.Context(), slices.Repeat([]string{big}, 64)); err == nil {
		t.Error("64 MiB were taken by nobody")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Send(ctx, lines(0, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}

	rude := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := rude.Accept()
		if err == nil {
			_, _ = io.CopyN(io.Discard, c, 1<<20)
			c.Close()
		}
		rude.Close()
	}()
	if err := sender(t, "tcp://"+rude.Addr().String(), nil).Send(t.Context(), slices.Repeat([]string{big}, 64)); err == nil {
		t.Error("63 MiB were lost in silence")
	}
	<-done
}

// TestTLS: only to whom the authorities vouch for.
func TestTLS(t *testing.T) {
	pair, roots := certificate(t)
	r := receive(t, tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}))
	to := "tls://" + r.Addr().String()
	for name, change := range map[string]func(*Config){
		"an authority of nobody": func(c *Config) { c.Certificate = &pair },
		"no certificate":         func(c *Config) { c.Roots = roots },
	} {
		s := sender(t, to, change)
		if err := s.Send(t.Context(), lines(0, 1)); err == nil {
			t.Errorf("%s: taken", name)
		}
		<-r.ends
	}
	s := sender(t, to, func(c *Config) { c.Roots, c.Certificate = roots, &pair })
	if err := s.Send(t.Context(), lines(14, 500)); err != nil {
		t.Fatal(err)
	}
	r.want(t, lines(14, 500))
}

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	return certificateFor(t, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
}

func certificateFor(t *testing.T, a netip.Addr) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{a.AsSlice()}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(c)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// TestDatagrams: one message in each, without a count.
func TestDatagrams(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	path := filepath.Join(t.TempDir(), "log")
	unix, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	for to, l := range map[string]net.PacketConn{"udp://" + udp.LocalAddr().String(): udp, "unix:" + path: unix} {
		s := sender(t, to, nil)
		if err := s.Send(t.Context(), lines(0, 3)); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 9000)
			n, _, err := l.ReadFrom(b)
			if err != nil || string(b[:n]) != line(i) || !message.Match(b[:n]) {
				t.Errorf("%s: %q: %v", to, b[:n], err)
			}
		}
	}
	if err := sender(t, "unix:"+path+"-none", nil).Send(t.Context(), lines(0, 1)); err == nil {
		t.Error("sent into no socket")
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]Address{
		"tls://logs.example.net:6514": {"tls", "logs.example.net:6514"},
		"udp://[2001:db8::1]:514":     {"udp", "[2001:db8::1]:514"},
		"unix:/dev/log":               {"unixgram", "/dev/log"},
		"unix:///dev/log":             {"unixgram", "/dev/log"},
		"tcp://:601":                  {}, "tcp://a": {}, "tcp://a:0": {}, "tcp://a:99999": {}, "http://a:1": {}, "unix:log": {}, "a:514": {}, "": {},
	} {
		got, err := ParseAddress(text)
		if got != want || (err == nil) != (want != Address{}) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a sender to nowhere")
	}
}
