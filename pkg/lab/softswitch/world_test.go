package softswitch_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab/labpki"
	"github.com/sipsteer/sipsteer/pkg/lab/softswitch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// patience bounds a wait for what must come.
	patience = time.Minute
	// silence is how long nothing must come. An answer would take a hundredth
	// of it.
	silence = 150 * time.Millisecond
)

var transports = []fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS}

// world is a softswitch on all transports, and clients made of plain sockets.
type world struct {
	*softswitch.Softswitch
	t   *testing.T
	pki *labpki.PKI
}

func newWorld(t *testing.T, change ...func(*softswitch.Config)) *world {
	t.Helper()
	pki, err := labpki.Open(t.TempDir(), []labpki.Server{{Name: "calgary", Domains: []string{"west.example.net"}}})
	if err != nil {
		t.Fatal(err)
	}
	good, err := pki.ServerConfig("calgary")
	if err != nil {
		t.Fatal(err)
	}
	bad, err := pki.ExpiredConfig("calgary")
	if err != nil {
		t.Fatal(err)
	}
	cfg := softswitch.Config{Site: "calgary", Listen: map[fleet.Transport]netip.AddrPort{}, TLS: good, BadTLS: bad}
	for _, tr := range transports {
		cfg.Listen[tr] = netip.MustParseAddrPort("127.0.0.1:0")
	}
	for _, f := range change {
		f(&cfg)
	}
	s, err := softswitch.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return &world{s, t, pki}
}

func (w *world) broken(f softswitch.Fault) {
	w.t.Helper()
	if err := w.Break(f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) healed() {
	w.t.Helper()
	if err := w.Heal(); err != nil {
		w.t.Fatal(err)
	}
}

// client is one socket to the softswitch.
type client struct {
	net.Conn
	t         *testing.T
	transport fleet.Transport
	parser    *sip.ParserStream
	got       []*sip.Response
	branch    int
}

// connect opens a socket; over TLS the handshake has ended then.
func (w *world) connect(tr fleet.Transport) (*client, error) {
	network := "tcp"
	if tr == fleet.UDP {
		network = "udp"
	}
	c, err := net.DialTimeout(network, w.Addrs()[tr].String(), patience)
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(func() { c.Close() })
	if tr == fleet.TLS {
		cfg := w.pki.ClientConfig()
		cfg.ServerName = "west.example.net"
		tc := tls.Client(c, cfg)
		_ = c.SetDeadline(time.Now().Add(patience))
		if err := tc.Handshake(); err != nil {
			return nil, err
		}
		_ = c.SetDeadline(time.Time{})
		c = tc
	}
	return &client{Conn: c, t: w.t, transport: tr, parser: sip.NewParser().NewSIPStream()}, nil
}

func (w *world) client(tr fleet.Transport) *client {
	w.t.Helper()
	c, err := w.connect(tr)
	if err != nil {
		w.t.Fatalf("connect over %s: %v", tr, err)
	}
	return c
}

// request writes one request. Headers come as they are written.
func (c *client) request(method, uri, to string, headers ...string) {
	c.t.Helper()
	c.branch++
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bK%d;rport\r\nFrom: <sip:alice@west.example.net>;tag=a\r\nTo: %s\r\nCall-ID: call-%s\r\nCSeq: %d %s\r\n",
		method, uri, strings.ToUpper(c.transport.String()), c.LocalAddr(), c.branch, to, c.LocalAddr(), c.branch, method)
	for _, h := range headers {
		text += h + "\r\n"
	}
	if _, err := io.WriteString(c, text+"Content-Length: 0\r\n\r\n"); err != nil && c.transport != fleet.UDP {
		c.t.Fatalf("write %s: %v", method, err)
	}
}

func (c *client) options() { c.request("OPTIONS", "sip:west.example.net", "<sip:west.example.net>") }

func (c *client) register(headers ...string) {
	c.request("REGISTER", "sip:west.example.net", "<sip:alice@west.example.net>", headers...)
}

// next returns the next response, or an error after d.
func (c *client) next(d time.Duration) (*sip.Response, error) {
	buf := make([]byte, 65535)
	_ = c.SetReadDeadline(time.Now().Add(d))
	for len(c.got) == 0 {
		n, err := c.Read(buf)
		if err != nil {
			return nil, err
		}
		err = c.parser.ParseSIPStream(buf[:n], func(m sip.Message) {
			if res, ok := m.(*sip.Response); ok {
				c.got = append(c.got, res)
			}
		})
		if err != nil && !errors.Is(err, sip.ErrParseSipPartial) {
			return nil, err
		}
	}
	res := c.got[0]
	c.got = c.got[1:]
	return res, nil
}

// want returns the next response, which must have the status.
func (c *client) want(code int) *sip.Response {
	c.t.Helper()
	res, err := c.next(patience)
	if err != nil {
		c.t.Fatalf("no answer over %s, want %d: %v", c.transport, code, err)
	}
	if res.StatusCode != code {
		c.t.Fatalf("answer over %s is %d %s, want %d", c.transport, res.StatusCode, res.Reason, code)
	}
	return res
}

// silent checks that nothing comes.
func (c *client) silent() {
	c.t.Helper()
	if res, err := c.next(silence); !errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Errorf("over %s came %v (%v), want silence", c.transport, res, err)
	}
}

// eventually waits for what another goroutine must bring about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
