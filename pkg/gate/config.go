package gate

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate/meter"
)

// Listener is one public address of the gate.
type Listener struct {
	Transport fleet.Transport
	// Address is an address of this machine. It is written into Via, so it
	// cannot be the unspecified one; port 0 takes a free port.
	Address netip.AddrPort
}

// Config says what a gate is. Zero limits mean the defaults.
type Config struct {
	// Site is where the gate stands; phones see it in Warning.
	Site fleet.SiteID
	// Listen are the public addresses; at least one.
	Listen []Listener
	// Certificates are for tls and wss listeners. Each is served by the names that it
	// is for, the first one to phones that name nobody. The files are followed;
	// a bad one is named and left out, or served as it was before.
	Certificates []CertificateFile
	// CertificateInterval is how often the files are looked at, to a second.
	// Default 5 s.
	CertificateInterval time.Duration
	// CheckKey looks at a key file before it is read, for instance at who may
	// read it. May be nil.
	CheckKey func(path string) error
	// TLS is for these listeners beside: versions, ciphers, and without
	// Certificates also its own.
	TLS *tls.Config
	// FreeBind lets the gate listen on addresses that come to this machine
	// later and may leave it, by VRRP or BGP. Linux only.
	FreeBind bool
	// Refusals is the rule table, unless a Policy brings its own.
	Refusals []Refusal
	// Meter bounds what is remembered of devices and calls.
	Meter meter.Config
	// UpstreamTLS is for connections to the softswitch. Without ServerName the
	// certificate must be good for the softswitch's IP address. Nil means the
	// machine's roots.
	UpstreamTLS *tls.Config
	// Logger gets what an operator can act upon; never a line per message.
	Logger zerolog.Logger

	// Key makes branches and tags that nobody else can make. It must outlive
	// a restart, or answers that are under way then are lost. Empty: derived
	// from Site, which keeps strangers' answers out only as long as nobody
	// guesses how.
	Key []byte

	// UDPSockets is how many sockets, each with its own loop, share an address
	// (SO_REUSEPORT; Linux only). Default: one a processor, at most 8.
	UDPSockets int
	// MaxMessage is the longest message, in octets. Default 65535.
	MaxMessage int
	// MaxConnections bounds the phones' connections; further ones are closed
	// at once. Default 20000.
	MaxConnections int
	// MaxPerSource bounds the connections of one address. Default 1000: an
	// office behind one address has fewer phones, a trunk fewer connections.
	MaxPerSource int
	// PerSource bounds requests per second that begin something new, from one
	// address (one /64 with IPv6), at all transports; the rest is dropped and
	// the source is named. Requests inside a dialog do not count. Default
	// 1000; below zero: no limit.
	PerSource int
	// Exempt are addresses without these two limits: trunks, session border
	// controllers, carrier-grade NAT. Loopback always is.
	Exempt []netip.Prefix
	// Handshakes bounds TLS handshakes at one time; others wait. Default 256.
	Handshakes int
	// HandshakeTimeout is for TLS, waiting for a turn included. Default 10 s.
	HandshakeTimeout time.Duration
	// MessageTimeout is how long one message may take to arrive, and how long
	// a connection may stay without a first one. Default 10 s.
	MessageTimeout time.Duration
	// IdleTimeout closes a connection without traffic. It should be longer
	// than a registration (3600 s), since calls reach the phone through it.
	// Default 65 min.
	IdleTimeout time.Duration
	// WriteTimeout is how long a peer may not take what it is sent. Default 10 s.
	WriteTimeout time.Duration
	// DialTimeout is for the connection to the softswitch, TLS included. It
	// must be well below 32 s, else the phone gives up first. Default 3 s.
	DialTimeout time.Duration
	// DrainSpread is the time over which idle connections are closed when
	// they carry nothing that is still passed. Default 10 s.
	DrainSpread time.Duration
	// CallHold keeps a connection open that long after it carried a dialog or
	// an INVITE that was passed on, also while draining. Default 1 h.
	CallHold time.Duration
	// AskEvery is the mean time between two devices that are asked to look again.
	// Default 50 ms: what such a device fetches then, others serve.
	AskEvery time.Duration
	// AskAgain is how long a device is not asked a second time. Default 1 h.
	AskAgain time.Duration
	// AskSilence is how long an answer is waited for. Default 32 s (64·T1).
	AskSilence time.Duration
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.UDPSockets = cmp.Or(c.UDPSockets, min(runtime.GOMAXPROCS(0), 8))
	c.MaxMessage = cmp.Or(c.MaxMessage, 65535)
	c.MaxConnections = cmp.Or(c.MaxConnections, 20000)
	c.MaxPerSource = cmp.Or(c.MaxPerSource, 1000)
	c.PerSource = cmp.Or(c.PerSource, 1000)
	c.CertificateInterval = cmp.Or(c.CertificateInterval, 5*time.Second)
	c.Handshakes = cmp.Or(c.Handshakes, 256)
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, 10*time.Second)
	c.MessageTimeout = cmp.Or(c.MessageTimeout, 10*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 65*time.Minute)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	c.DialTimeout = cmp.Or(c.DialTimeout, 3*time.Second)
	c.DrainSpread = cmp.Or(c.DrainSpread, 10*time.Second)
	c.CallHold = cmp.Or(c.CallHold, time.Hour)
	c.AskEvery = cmp.Or(c.AskEvery, 50*time.Millisecond)
	c.AskAgain = cmp.Or(c.AskAgain, time.Hour)
	c.AskSilence = cmp.Or(c.AskSilence, 32*time.Second)
	return c
}

func (c Config) validate() error {
	if c.Site == "" {
		return errors.New("no site")
	}
	if len(c.Listen) == 0 {
		return errors.New("no listener")
	}
	if c.FreeBind && !canFreeBind {
		return errors.New("FreeBind: only Linux lets a socket have an address that the machine has not")
	}
	for _, l := range c.Listen {
		switch l.Transport {
		case fleet.UDP, fleet.TCP, fleet.WS:
		case fleet.TLS, fleet.WSS:
			if len(c.Certificates) == 0 && (c.TLS == nil || len(c.TLS.Certificates) == 0 && c.TLS.GetCertificate == nil && c.TLS.GetConfigForClient == nil) {
				return fmt.Errorf("listener %s %s: no certificate", l.Transport, l.Address)
			}
		default:
			return fmt.Errorf("listener %s %s: the gate serves udp, tcp, tls, ws and wss", l.Transport, l.Address)
		}
		if !l.Address.Addr().IsValid() || l.Address.Addr().IsUnspecified() {
			return fmt.Errorf("listener %s %s: phones need an address that they can reach", l.Transport, l.Address)
		}
	}
	for i, r := range c.Refusals {
		if err := r.Validate(); err != nil {
			return fmt.Errorf("refusal %d: %w", i+1, err)
		}
	}
	if len(c.Refusals) > maxRefusals {
		return fmt.Errorf("%d refusals: at most %d", len(c.Refusals), maxRefusals)
	}
	for name, n := range map[string]int{"UDPSockets": c.UDPSockets, "MaxMessage": c.MaxMessage, "MaxConnections": c.MaxConnections, "Handshakes": c.Handshakes, "MaxPerSource": c.MaxPerSource} {
		if n < 0 {
			return fmt.Errorf("%s %d: below zero", name, n)
		}
	}
	return nil
}
