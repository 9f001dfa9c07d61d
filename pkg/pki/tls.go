package pki

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"sync"
	"time"
)

// handshakeTimeout bounds how long a connection may exist without an identity.
const handshakeTimeout = 5 * time.Second

// Now is a clock; tests set it.
type Now func() time.Time

// Server returns the configuration of a listener. Whoever presents a certificate
// must be an agent of this fleet, and allowed; required says that one must be
// presented. There is no session resumption: every connection is judged by what
// holds now.
func (i *Identity) Server(required bool, now Now, allow func(Peer) error) *tls.Config {
	auth := tls.RequestClientCert
	if required {
		auth = tls.RequireAnyClientCert
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: auth, SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return i.pair(), nil },
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 && !required {
				return nil
			}
			peer, err := i.authority.peerOf(s.PeerCertificates, now(), x509.ExtKeyUsageClientAuth)
			if err != nil {
				return err
			}
			return allow(peer)
		},
	}
}

// Client returns the configuration of a connection to an agent, whose name must
// be expect unless that is "".
func (i *Identity) Client(expect string, now Now, allow func(Peer) error) *tls.Config {
	c := clientOf(i.authority, expect, now, allow)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return i.pair(), nil }
	return c
}

// Client returns the configuration of an operator's connection to an agent.
func (a *Authority) Client(expect string, now Now) *tls.Config {
	return clientOf(a, expect, now, func(Peer) error { return nil })
}

func clientOf(a *Authority, expect string, now Now, allow func(Peer) error) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// The name that counts is the agent's, not the host's: an agent may
		// change its address. VerifyConnection checks the chain and that name.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			peer, err := a.peerOf(s.PeerCertificates, now(), x509.ExtKeyUsageServerAuth)
			if err != nil {
				return err
			}
			if expect != "" && peer.Agent != expect {
				return fmt.Errorf("%w: %q answers where %q was expected", ErrStranger, peer.Agent, expect)
			}
			return allow(peer)
		},
	}
}

// Pinned returns the configuration of a joining agent, which knows only the
// fingerprint of the authority. found is given the authority.
func Pinned(want string, now Now, found func(*Authority)) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, // VerifyConnection checks more
		VerifyConnection: func(s tls.ConnectionState) error {
			for _, c := range s.PeerCertificates {
				if fingerprint(c) != want || !c.IsCA {
					continue
				}
				a := &Authority{cert: c}
				if _, err := a.peerOf(s.PeerCertificates, now(), x509.ExtKeyUsageServerAuth); err != nil {
					return err
				}
				found(a)
				return nil
			}
			return fmt.Errorf("%w: its authority is not the one that the token is bound to", ErrStranger)
		},
	}
}

// PeerOf says who is at the other end of a connection that Server has accepted;
// false if it presented no certificate.
func PeerOf(s *tls.ConnectionState) (Peer, bool) {
	if s == nil || len(s.PeerCertificates) == 0 {
		return Peer{}, false
	}
	leaf := s.PeerCertificates[0]
	agent, err := agentOf(leaf)
	return peerAs(agent, leaf), err == nil
}

// Listen wraps a listener so that nothing is read from a connection before its
// handshake is done, which may not take long.
func Listen(l net.Listener, cfg *tls.Config) net.Listener { return &listener{l, cfg} }

type listener struct {
	net.Listener
	cfg *tls.Config
}

// Accept implements net.Listener. The handshake is done by whoever reads first.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &guarded{Conn: tls.Server(c, l.cfg)}, nil
}

// guarded is a connection that begins with a handshake.
type guarded struct {
	*tls.Conn
	once sync.Once
	err  error
}

func (g *guarded) greet() error {
	g.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
		defer cancel()
		g.err = g.HandshakeContext(ctx)
	})
	return g.err
}

// Read implements net.Conn.
func (g *guarded) Read(p []byte) (int, error) {
	if err := g.greet(); err != nil {
		return 0, err
	}
	return g.Conn.Read(p)
}

// Write implements net.Conn.
func (g *guarded) Write(p []byte) (int, error) {
	if err := g.greet(); err != nil {
		return 0, err
	}
	return g.Conn.Write(p)
}

// Dial makes a connection with dial and does the handshake.
func Dial(ctx context.Context, dial func(ctx context.Context, network, address string) (net.Conn, error), address string, cfg *tls.Config) (net.Conn, error) {
	c, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	t := tls.Client(c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("identify %s: %w", address, err)
	}
	return t, nil
}
