package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// Peer is where a softswitch listens.
type Peer struct {
	Transport  fleet.Transport
	Address    netip.AddrPort
	ServerName string // sent as SNI and as Host of a WebSocket; may be empty
	Path       string // of a WebSocket; empty means /
}

// Dial opens a new connection of the transport: a connected socket for udp, so
// that ICMP errors come back as refusals; a TCP connection, TLS over it, or a
// WebSocket over either. A certificate is not judged here.
func Dial(ctx context.Context, to Peer) (net.Conn, *Fault) {
	addr, serverName := to.Address, to.ServerName
	switch to.Transport {
	case fleet.UDP:
		var d net.Dialer
		conn, err := d.DialUDP(ctx, "udp", netip.AddrPort{}, addr) // an address needs no resolver
		if err != nil {
			return nil, Classify("open socket", err)
		}
		return Tap(ctx, conn), nil
	case fleet.TCP:
		conn, fault := DialTCP(ctx, addr)
		if fault != nil {
			return nil, fault
		}
		return Tap(ctx, conn), nil
	case fleet.TLS:
		conn, fault := DialTCP(ctx, addr)
		if fault != nil {
			return nil, fault
		}
		tc, fault := Handshake(ctx, conn, TLSConfig(serverName))
		if fault != nil {
			return nil, fault
		}
		return Tap(ctx, tc), nil
	case fleet.WS, fleet.WSS:
		conn, fault := dialWebSocket(ctx, to)
		if fault != nil {
			return nil, fault
		}
		return Tap(ctx, conn), nil
	}
	return nil, &Fault{Cause: health.CauseLocal, Detail: "transport " + to.Transport.String() + " cannot be asked"}
}

// DialTCP opens a TCP connection.
func DialTCP(ctx context.Context, addr netip.AddrPort) (net.Conn, *Fault) {
	var d net.Dialer
	conn, err := d.DialTCP(ctx, "tcp", netip.AddrPort{}, addr) // an address needs no resolver, nor a race of families
	if err != nil {
		return nil, Classify("connect", err)
	}
	Remark(ctx, "connected from %s to %s", conn.LocalAddr(), conn.RemoteAddr())
	return conn, nil
}

// TLSConfig returns a client configuration that takes part in any handshake an
// old phone could: versions and ciphers that nobody should use for calls are
// in, because a softswitch that serves such phones is not dead, and a probe
// carries no secret. Certificates are accepted as they are.
func TLSConfig(serverName string) *tls.Config {
	cfg := &tls.Config{
		ServerName:         serverName,
		MinVersion:         tls.VersionTLS10,
		InsecureSkipVerify: true, // judged by tlscheck, apart from the handshake
	}
	for _, c := range tls.CipherSuites() {
		cfg.CipherSuites = append(cfg.CipherSuites, c.ID)
	}
	for _, c := range tls.InsecureCipherSuites() {
		cfg.CipherSuites = append(cfg.CipherSuites, c.ID)
	}
	return cfg
}

// Handshake performs a TLS handshake as client over conn and closes conn if it
// fails. The faults: CauseTLSHang, it did not end before ctx did;
// CauseTLSRefused, an alert or no TLS at all; CauseReset, closed in the middle;
// CauseCertInvalid, what the server sent cannot be used by us, which is nearly
// always a certificate that does not parse.
func Handshake(ctx context.Context, conn net.Conn, cfg *tls.Config) (*tls.Conn, *Fault) {
	tc := tls.Client(conn, cfg)
	err := tc.HandshakeContext(ctx)
	if err == nil {
		state := tc.ConnectionState()
		Remark(ctx, "TLS handshake done: asked for %q, %s, %s, %d certificates", cfg.ServerName, tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), len(state.PeerCertificates))
		return tc, nil
	}
	_ = conn.Close()
	f := Classify("TLS handshake", err)
	var alert *net.OpError
	var notTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &alert) && alert.Op == "remote error":
		f.Cause = health.CauseTLSRefused
	case errors.As(err, &notTLS):
		f.Cause, f.Detail = health.CauseTLSRefused, "TLS handshake: the listener does not speak TLS"
	case f.Cause == health.CauseTimeout:
		f.Cause, f.Detail = health.CauseTLSHang, "TLS handshake: connected, but the handshake did not end in time"
	case f.Cause == health.CauseLocal && ctx.Err() == nil && !isSyscall(err):
		f.Cause = health.CauseCertInvalid
	}
	return nil, f
}
