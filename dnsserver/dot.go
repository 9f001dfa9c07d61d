package dnsserver

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
)

// listenTLS binds the addresses for DNS over TLS. It is called with mu held;
// what was bound before an error is closed by Stop or by who calls.
func (s *Server) listenTLS() error {
	for _, addr := range s.conf.ListenTLS {
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
		if err != nil {
			return fmt.Errorf("listen on tls %s: %w", addr, err)
		}
		s.tls = append(s.tls, l)
	}
	return nil
}

// tlsConfig is that of DNS over TLS (RFC 7858 §3, RFC 8310; the name of the
// protocol is from RFC 9103 §8.3, and clients that say none are served too).
func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"dot"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.conf.Certificate() },
	}
}

// AddrsTLS returns the addresses bound for DNS over TLS, in the order of
// Config.ListenTLS.
func (s *Server) AddrsTLS() (out []netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.tls {
		out = append(out, l.Addr().(*net.TCPAddr).AddrPort())
	}
	return out
}
