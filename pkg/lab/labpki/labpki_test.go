package labpki_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/lab/labpki"
)

var servers = []labpki.Server{
	{Name: "calgary", Domains: []string{"west.example.net"}, Addresses: []netip.Addr{netip.MustParseAddr("127.10.1.2")}},
	{Name: "ottawa", Domains: []string{"east.example.net"}},
}

func open(t *testing.T, dir string) *labpki.PKI {
	t.Helper()
	p, err := labpki.Open(dir, servers)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// handshake ends one TLS handshake over a socket and returns the client's error.
func handshake(t *testing.T, server, client *tls.Config, name string) error {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with the connection, or with the listener
		defer close(done)
		if c, err := ln.Accept(); err == nil {
			_ = tls.Server(c, server).HandshakeContext(t.Context())
			c.Close()
		}
	}()
	defer func() { ln.Close(); <-done }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cfg := client.Clone()
	cfg.ServerName = name
	return tls.Client(c, cfg).HandshakeContext(t.Context())
}

// TestCertificates: they are for the SIP domains and addresses, and for nothing
// else.
func TestCertificates(t *testing.T) {
	p := open(t, t.TempDir())
	good, err := p.ServerConfig("calgary")
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{"west.example.net": true, "127.10.1.2": true, "east.example.net": false, "127.10.1.3": false} {
		if err := handshake(t, good, p.ClientConfig(), name); (err == nil) != ok {
			t.Errorf("as %s: %v", name, err)
		}
	}
	if err := handshake(t, good, open(t, t.TempDir()).ClientConfig(), "west.example.net"); err == nil {
		t.Error("a client of another authority trusts it")
	}
	if _, err := p.ServerConfig("paris"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a server that is none: %v", err)
	}
}

// TestExpired: the bad certificate is bad in one way only.
func TestExpired(t *testing.T) {
	p := open(t, t.TempDir())
	bad, err := p.ExpiredConfig("calgary")
	if err != nil {
		t.Fatal(err)
	}
	var invalid x509.CertificateInvalidError
	if err := handshake(t, bad, p.ClientConfig(), "west.example.net"); !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
		t.Errorf("handshake: %v, want an expired certificate", err)
	}
}

// TestKept: a directory that exists goes on, keys are private, and a server
// that is new gets its certificate.
func TestKept(t *testing.T) {
	dir := t.TempDir()
	if _, err := labpki.Open(dir, servers[:1]); err != nil {
		t.Fatal(err)
	}
	before := read(t, dir, "ca.pem") + read(t, dir, "calgary.pem")
	p := open(t, dir)
	if read(t, dir, "ca.pem")+read(t, dir, "calgary.pem") != before {
		t.Error("certificates were made again")
	}
	if !bytes.Equal(p.CAPEM(), []byte(read(t, dir, "ca.pem"))) {
		t.Error("CAPEM is not what the file holds")
	}
	good, err := p.ServerConfig("ottawa")
	if err != nil {
		t.Fatal(err)
	}
	if err := handshake(t, good, p.ClientConfig(), "east.example.net"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"ca.key", "calgary.key", "ottawa.key"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// TestHalfMade: what a kill left behind is made again; a certificate without
// its key, or of an authority that is gone, is never used.
func TestHalfMade(t *testing.T) {
	for name, lost := range map[string]string{"authority": "ca.pem", "its key": "ca.key", "certificate": "calgary.pem"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			open(t, dir)
			if err := os.Remove(filepath.Join(dir, lost)); err != nil {
				t.Fatal(err)
			}
			p := open(t, dir)
			good, err := p.ServerConfig("calgary")
			if err != nil {
				t.Fatal(err)
			}
			if err := handshake(t, good, p.ClientConfig(), "west.example.net"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDamaged: a file that cannot be read is named, and not made over.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := labpki.Open(dir, servers); err == nil || !strings.Contains(err.Error(), "load authority") {
		t.Errorf("a damaged authority: %v", err)
	}
	if read(t, dir, "ca.pem") != "not a certificate" {
		t.Error("it was made over")
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
