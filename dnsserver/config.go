package dnsserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/dnsserver/tap"
)

// Bounds and defaults of Config.
const (
	minUDPSize     = 512  // every resolver takes this much (RFC 1035 §2.3.4)
	defaultUDPSize = 1232 // never fragmented on any sane path (DNS flag day 2020)
	maxUDPSize     = 4096
	maxMessage     = 65535 // what the length in front of a TCP message can say
	maxText        = 128   // octets of NSID and version, so that any answer with them fits minUDPSize
	maxWorkers     = 64
)

// Config says where a Server listens and how much it gives to whom. The zero
// value of every field but Listen is a good one.
type Config struct {
	// Listen are the addresses, each served over UDP and TCP. Port 0 means any
	// free port, the same for both. An unspecified address (0.0.0.0, ::) means
	// all of its family; answers leave from the address that was asked.
	Listen []netip.AddrPort
	// Sockets were opened by somebody else, as systemd does who hands them on
	// (socket activation): each is used for the address in Listen that it is
	// bound to, instead of a new one. One for TCP and one or more for UDP belong
	// to an address. They stay open: what arrives between two processes waits
	// in them.
	Sockets []*os.File
	// ListenTLS are addresses for DNS over TLS (RFC 7858), usually at port 853.
	// Questions and answers there are as over TCP. Limits are shared with it.
	ListenTLS []netip.AddrPort
	// Certificate is asked for at each handshake of DNS over TLS, so that a new
	// one is taken without a restart.
	Certificate func() (*tls.Certificate, error)
	// NSID names this server to those who ask by the NSID option (RFC 5001) or
	// for id.server (RFC 4892): the site's name. Empty means that it is not
	// said.
	NSID string
	// Version is the answer to version.bind and version.server in class CH.
	// Empty means REFUSED: a version helps those who look for old ones.
	Version string
	// Why explains the answer to a name, which is absolute, in lower case, in
	// some lines of text; nil if there is nothing to explain. It is asked for
	// TXT at _why.NAME by clients in WhyAllow; for others there is no such
	// name. It must not wait for anybody.
	Why func(name string) []string
	// WhyAllow are the networks that may ask why; empty means nobody. They learn
	// which sites are down and what was done about it.
	WhyAllow []netip.Prefix
	// ReportTo is the agent domain to which resolvers report what fails with our
	// answers, signatures above all (RFC 9567); told with every answer that has
	// EDNS. It must not lie in a zone that is reported on. Empty means none.
	ReportTo string
	// Tap passes samples of questions and answers on to a collector; nil is none.
	Tap *tap.Config
	// Unseal opens the private half of a key that signs a zone, as NewSigningKey
	// gave it. Without it, or where it fails, a zone with keys is answered
	// without signatures, which Stats says: resolvers that validate ask another
	// server then.
	Unseal func(sealed string) ([]byte, error)
	// Keys sign questions and answers (RFC 8945).
	Keys []TSIGKey
	// Secondaries may transfer the zones, and are told of new serials.
	Secondaries []Secondary
	// Logger gets the few things that are nobody's return value.
	Logger zerolog.Logger

	// UDPSize is the largest UDP answer in octets, however much the question
	// says it can take; 0 means 1232. A larger one may be fragmented, and
	// fragments get lost and forged.
	UDPSize int
	// Workers is the number of UDP sockets on each address where the system
	// spreads clients over them (Linux); elsewhere there is one. 0 means one
	// for each processor that Go uses.
	Workers int
	// Portable takes the plain UDP loop, one system call for each datagram,
	// also where batches are available. Slower; for comparison and for kernels
	// that forbid the batch calls.
	Portable bool

	// TCPMaxConns is the number of TCP connections open at a time; 0 means
	// 1024. A further one takes the place of the one that was quiet longest
	// (RFC 7766 §6.2.3).
	TCPMaxConns int
	// TCPIdle is how long a connection may be quiet between two questions; 0
	// means 10 s (RFC 7766 §6.2.3).
	TCPIdle time.Duration
	// TCPMessage is how long one question may take to arrive, from its first
	// octet, and one answer to be taken; the first question counts from the
	// start of the connection. 0 means 2 s. A slow client is cut.
	TCPMessage time.Duration

	// RateLimit bounds equal UDP answers to one network.
	RateLimit RateLimit

	keys   tsigKeys // of Keys
	report []byte   // ReportTo in wire form
}

// RateLimit is response rate limiting: what a forged source address can make
// this server send to its victim. It counts equal answers (the same name and
// type, or the same kind of failure) to one network (/24, /56), so a resolver
// with many different questions is not touched. TCP is never limited.
type RateLimit struct {
	// Off ends all limiting.
	Off bool
	// PerSecond is the number of equal answers a second to one network; 0
	// means 200. Too low a value slows real resolvers that share a network.
	PerSecond int
	// Slip answers every n-th question over the limit with an empty truncated
	// answer, so that a real client behind a forger comes again over TCP; 0
	// means 2, 1 answers all of them so, negative none.
	Slip int
	// Loopback limits 127.0.0.0/8 and ::1 too; they are left alone else.
	Loopback bool
}

// withDefaults returns the configuration with its zero values filled in, or
// the reason why it cannot be used.
func (c Config) withDefaults() (Config, error) {
	if len(c.Listen) == 0 {
		return c, errors.New("configure name server: no address to listen on")
	}
	for _, a := range c.Listen {
		if !a.Addr().IsValid() {
			return c, errors.New("configure name server: invalid address to listen on")
		}
	}
	if len(c.NSID) > maxText || len(c.Version) > maxText {
		return c, fmt.Errorf("configure name server: NSID or version longer than %d octets", maxText)
	}
	for _, a := range c.ListenTLS {
		if !a.Addr().IsValid() {
			return c, errors.New("configure name server: invalid address to listen on for TLS")
		}
	}
	if len(c.ListenTLS) > 0 && c.Certificate == nil {
		return c, errors.New("configure name server: DNS over TLS without a certificate")
	}
	c.UDPSize = orDefault(c.UDPSize, defaultUDPSize)
	if c.UDPSize < minUDPSize || c.UDPSize > maxUDPSize {
		return c, fmt.Errorf("configure name server: UDP size %d is not in %d–%d", c.UDPSize, minUDPSize, maxUDPSize)
	}
	c.Workers = orDefault(c.Workers, min(runtime.GOMAXPROCS(0), maxWorkers))
	if c.Workers < 0 || c.Workers > maxWorkers {
		return c, fmt.Errorf("configure name server: %d workers are not in 1–%d", c.Workers, maxWorkers)
	}
	c.TCPMaxConns = orDefault(c.TCPMaxConns, 1024)
	c.TCPIdle = orDefault(c.TCPIdle, 10*time.Second)
	c.TCPMessage = orDefault(c.TCPMessage, 2*time.Second)
	if c.TCPMaxConns < 0 || c.TCPIdle < 0 || c.TCPMessage < 0 {
		return c, errors.New("configure name server: a TCP limit is negative")
	}
	c.RateLimit.PerSecond = orDefault(c.RateLimit.PerSecond, 200)
	if c.RateLimit.PerSecond < 0 {
		return c, fmt.Errorf("configure name server: rate limit of %d answers a second is negative", c.RateLimit.PerSecond)
	}
	c.RateLimit.Slip = orDefault(c.RateLimit.Slip, 2)
	var err error
	if c.ReportTo != "" {
		if c.report, err = packName(c.ReportTo); err != nil || len(c.report) < 2 {
			return c, fmt.Errorf("configure name server: %q is no domain to report to", c.ReportTo)
		}
	}
	if c.keys, err = newKeys(c.Keys); err != nil {
		return c, err
	}
	return c, c.checkSecondaries()
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
