package certlint

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os/exec"
	"strings"
)

// The TLS stacks of trials.
const (
	withGo      = "go"
	withOpenSSL = "openssl"
)

// try loads the certificate into a throw-away TLS server and connects to it.
func (c *Checker) try(ctx context.Context, s *source, p pairing) {
	if !p.tryGo {
		return
	}
	pair := tls.Certificate{PrivateKey: p.key, Leaf: s.certs[0].cert}
	for _, l := range s.certs {
		pair.Certificate = append(pair.Certificate, l.der)
	}
	name := serverName(s.leaf())
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	s.report.Trials = append(s.report.Trials, withGo)
	if err := tryGo(ctx, pair, name); err != nil {
		s.report.add(1, Bad, "trial-go", "a handshake with a Go client fails: %s", clean(err.Error()))
	}
	if !p.tryOpenSSL {
		return
	}
	s.report.Trials = append(s.report.Trials, withOpenSSL)
	if err := c.tryOpenSSL(ctx, pair, name); err != nil {
		s.report.add(1, Bad, "trial-openssl", "a handshake with an OpenSSL client fails: %s", clean(err.Error()))
	}
}

func serverName(cert *x509.Certificate) string {
	if names := Identities(cert); len(names) > 0 {
		return strings.TrimPrefix(names[0], "*.")
	}
	return "trial.invalid"
}

// tryGo makes one handshake in memory. Trust is judged elsewhere.
func tryGo(ctx context.Context, pair tls.Certificate, name string) error {
	near, far := net.Pipe()
	defer near.Close()
	served := make(chan error, 1)
	go func() { // ends when the handshake does, at the latest with ctx
		server := tls.Server(far, trialServer(pair))
		err := server.HandshakeContext(ctx)
		_ = far.Close()
		served <- err
	}()
	client := tls.Client(near, &tls.Config{ServerName: name, InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}})
	err := client.HandshakeContext(ctx)
	_ = near.Close()
	if serr := <-served; err == nil || serr != nil && !errors.As(serr, new(*net.OpError)) && ctx.Err() == nil {
		err = serr
	}
	return err
}

func trialServer(pair tls.Certificate) *tls.Config {
	// Resumption would let the server write after the client is content.
	return &tls.Config{Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true, MinVersion: tls.VersionTLS12}
}

// tryOpenSSL serves one connection on loopback to openssl s_client.
func (c *Checker) tryOpenSSL(ctx context.Context, pair tls.Certificate, name string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan struct{})
	go func() { // ends when the listener is closed below
		defer close(served)
		serveOne(ctx, ln, trialServer(pair))
	}()
	defer func() {
		_ = ln.Close()
		<-served
	}()
	args := []string{"s_client", "-connect", ln.Addr().String(), "-servername", name, "-brief"}
	if c.cfg.RootsFile != "" {
		args = append(args, "-CAfile", c.cfg.RootsFile, "-verify_return_error")
	}
	cmd := exec.CommandContext(ctx, c.cfg.OpenSSL, args...) // its input is empty: it leaves after the handshake
	out, err := cmd.CombinedOutput()
	if err != nil {
		return errors.New(lastLines(out) + " (" + err.Error() + ")")
	}
	return nil
}

func serveOne(ctx context.Context, ln net.Listener, cfg *tls.Config) {
	conn, err := ln.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	server := tls.Server(conn, cfg)
	if server.HandshakeContext(ctx) == nil {
		_, _ = server.Read(make([]byte, 1)) // until the client leaves
	}
}

// lastLines returns what matters of OpenSSL's complaint.
func lastLines(out []byte) string {
	const most = 3
	var lines []string
	for line := range bytes.Lines(out) {
		if s := strings.TrimSpace(string(line)); s != "" && s != "CONNECTION ESTABLISHED" {
			lines = append(lines, s)
		}
	}
	if len(lines) > most {
		lines = lines[:most]
	}
	return strings.Join(lines, "; ")
}
