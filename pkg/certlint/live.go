package certlint

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
)

const ruleLive = "listener"

// live takes the certificates from a listener.
func (c *Checker) live(ctx context.Context, address string, met *seen) *source {
	s := &source{name: address, seen: met, report: Report{Source: clean(address)}}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	chain, err := c.shown(ctx, address, 0)
	if err == nil {
		for _, der := range chain {
			s.addCert(der, 0)
		}
		return s
	}
	// A certificate that Go cannot parse ends Go's handshake. Up to TLS 1.2 it
	// goes over the wire in the clear.
	if raw, _ := c.shown(ctx, address, tls.VersionTLS12); len(raw) > 0 {
		for _, der := range raw {
			s.addCert(der, 0)
		}
		if s.report.Bad() {
			return s
		}
	}
	s.report.add(0, Bad, ruleLive, "no handshake: %s", clean(err.Error()))
	return s
}

// shown returns the chain that a listener shows, in any handshake that an old
// phone could make. After an error it returns what was seen on the wire.
func (c *Checker) shown(ctx context.Context, address string, most uint16) ([][]byte, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	tap := &tappedConn{Conn: conn}
	cfg := &tls.Config{ServerName: c.sni(address), InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: most}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		cfg.CipherSuites = append(cfg.CipherSuites, s.ID)
	}
	tc := tls.Client(tap, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		return certificatesOnWire(tap.seen()), err
	}
	var chain [][]byte
	for _, cert := range tc.ConnectionState().PeerCertificates {
		chain = append(chain, cert.Raw)
	}
	_ = tc.Close()
	return chain, nil
}

// sni is the name to ask for: the first domain, or the host if it is a name.
func (c *Checker) sni(address string) string {
	if len(c.cfg.Domains) > 0 {
		return c.cfg.Domains[0]
	}
	host, _, _ := net.SplitHostPort(address)
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	return host
}

// maxTap bounds what is kept of a handshake.
const maxTap = 1 << 20

// tappedConn keeps what the peer sent.
type tappedConn struct {
	net.Conn
	mu   sync.Mutex
	data []byte
}

func (t *tappedConn) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.data)+n <= maxTap {
		t.data = append(t.data, b[:n]...)
	}
	return n, err
}

func (t *tappedConn) seen() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.data
}

// certificatesOnWire finds the Certificate message (RFC 5246 §7.4.2) among TLS
// records.
func certificatesOnWire(data []byte) [][]byte {
	const (
		recordHandshake    = 22
		messageCertificate = 11
	)
	var messages []byte
	for len(data) >= 5 && data[0] == recordHandshake {
		n := int(data[3])<<8 | int(data[4])
		if len(data) < 5+n {
			break
		}
		messages, data = append(messages, data[5:5+n]...), data[5+n:]
	}
	for len(messages) >= 4 {
		n := length24(messages[1:])
		if len(messages) < 4+n {
			return nil
		}
		if messages[0] == messageCertificate {
			return certificateList(messages[4 : 4+n])
		}
		messages = messages[4+n:]
	}
	return nil
}

func certificateList(body []byte) [][]byte {
	var out [][]byte
	if len(body) < 3 {
		return nil
	}
	body = body[3:]
	for len(body) >= 3 {
		n := length24(body)
		if len(body) < 3+n {
			return out
		}
		out, body = append(out, body[3:3+n]), body[3+n:]
	}
	return out
}

func length24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
