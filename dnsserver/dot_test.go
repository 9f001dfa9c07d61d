package dnsserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// selfSigned makes a certificate for a name.
func selfSigned(t *testing.T, name string) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// RFC 7858 §3: questions over TLS are answered as over TCP, pipelined, and
// counted apart; RFC 8467 §4.1: who pads gets answers of few lengths, and
// nobody else does.
func TestDNSOverTLS(t *testing.T) {
	cert, pool := selfSigned(t, "ns1.voice.example.net")
	cfg := Config{ListenTLS: loopback(), Certificate: func() (*tls.Certificate, error) { return cert, nil }, TCPMessage: 5 * time.Second}
	s := start(t, cfg, zoneOf(t, 7, labRecords+manyTargets()))
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	conn, err := tls.DialWithDialer(dialer, "tcp", s.AddrsTLS()[0].String(), &tls.Config{RootCAs: pool, ServerName: "ns1.voice.example.net", NextProtos: []string{"dot"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &dns.Conn{Conn: conn}
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	names := []string{"_sip._udp.west.voice.example.net.", "_sip._tcp.big.voice.example.net.", "nobody.voice.example.net."}
	for _, padded := range []bool{false, true} {
		for i, name := range names {
			m := question(name, "SRV")
			m.Id = uint16(i)
			m.SetEdns0(1232, false)
			if padded {
				m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_PADDING{Padding: make([]byte, 20)})
			}
			if err := c.WriteMsg(m); err != nil {
				t.Fatal(err)
			}
		}
		for i, name := range names {
			raw, err := c.ReadMsgHeader(nil)
			if err != nil {
				t.Fatal(err)
			}
			r := new(dns.Msg)
			if err := r.Unpack(raw); err != nil || int(r.Id) != i || r.Question[0].Name != name || r.Truncated {
				t.Fatalf("%v %v", r, err)
			}
			if (len(raw)%padBlock == 0) != padded {
				t.Errorf("%s: %d octets, padded %t", name, len(raw), padded)
			}
		}
	}
	over := uint64(0)
	for _, a := range s.Stats().Answers {
		if a.Transport == "tls" {
			over += a.Count
		}
	}
	if over != 6 {
		t.Errorf("%d answers are counted as over TLS", over)
	}
	m := question(names[0], "SRV")
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_PADDING{Padding: make([]byte, 20)})
	for _, network := range []string{"udp", "tcp"} {
		if r := ask(t, s, network, m); len(r.IsEdns0().Option) > 0 {
			t.Errorf("padded over %s: %v", network, r.IsEdns0())
		}
	}
}

// A client that speaks no TLS, or does not end its handshake, is cut like any
// slow one, and holds up nobody.
func TestDNSOverTLSHandshake(t *testing.T) {
	cert, _ := selfSigned(t, "x.example")
	cfg := Config{ListenTLS: loopback(), Certificate: func() (*tls.Certificate, error) { return cert, nil }, TCPMessage: 50 * time.Millisecond}
	s := start(t, cfg, zoneOf(t, 7, labRecords))
	for _, sent := range [][]byte{nil, {0x16, 3, 1}, {0, 20, 1, 2, 3}} {
		c, err := net.Dial("tcp", s.AddrsTLS()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(sent); err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		buf := make([]byte, 100)
		for err == nil {
			_, err = c.Read(buf)
		}
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Errorf("%x: not cut", sent)
		}
		_ = c.Close()
	}
	if r := ask(t, s, "tcp", question(origin, "SOA")); len(r.Answer) != 1 {
		t.Errorf("got %v", r)
	}
	for name, cfg := range map[string]Config{
		"no certificate":  {Listen: loopback(), ListenTLS: loopback()},
		"invalid address": {Listen: loopback(), ListenTLS: []netip.AddrPort{{}}, Certificate: cfg.Certificate},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
