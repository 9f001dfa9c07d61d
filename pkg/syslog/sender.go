package syslog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Config says where lines go.
type Config struct {
	To Address
	// Roots are whom a TLS receiver's certificate must come from. Nil means the
	// system's.
	Roots *x509.CertPool
	// Certificate is shown to a TLS receiver that asks for one. May be nil.
	Certificate *tls.Certificate
	// Timeout bounds connecting, and the sending of one batch. Default 10 s.
	Timeout time.Duration
}

// DefaultTimeout is that of a Config without one.
const DefaultTimeout = 10 * time.Second

// refusal is how long a new TLS connection is watched before it is used: a receiver
// that does not want our certificate says so after the handshake (RFC 8446 §4.4.2.4),
// and what was sent by then is lost.
const refusal = 500 * time.Millisecond

// ErrGone is returned when the receiver has closed the connection: what was on its
// way may be lost.
var ErrGone = errors.New("the receiver has closed the connection")

// Sender keeps one connection to a receiver. It is not for use by several
// goroutines at once.
type Sender struct {
	cfg    Config
	conn   net.Conn       // nil while there is none
	raw    net.Conn       // below TLS
	reader sync.WaitGroup // takes what the receiver says, which means nothing
	gone   chan struct{}  // closed when the receiver has ended a stream
}

// New returns a sender. It connects when there is something to send.
func New(cfg Config) (*Sender, error) {
	if cfg.To == (Address{}) {
		return nil, errors.New("configure syslog: no receiver")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	return &Sender{cfg: cfg}, nil
}

// Send sends lines, without line ends, in their order. It returns nil when all are
// with the receiver, as far as can be known; after an error any of them may be.
func (s *Sender) Send(ctx context.Context, lines []string) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := s.send(ctx, lines); err != nil {
		s.Close()
		return fmt.Errorf("send to %s: %w", s.cfg.To.Host, err)
	}
	return nil
}

func (s *Sender) send(ctx context.Context, lines []string) error {
	if s.conn != nil && s.cfg.To.stream() {
		if _, err := s.settled(); err != nil {
			s.Close() // while nothing was sent: nothing is lost
		}
	}
	if s.conn == nil {
		if err := s.connect(ctx); err != nil {
			return err
		}
	}
	deadline, _ := ctx.Deadline()
	if err := s.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetWriteDeadline(time.Unix(1, 0)) }) // a stop does not wait for a slow receiver
	defer stop()
	if !s.cfg.To.stream() {
		for _, l := range lines {
			if _, err := s.conn.Write([]byte(l)); err != nil {
				return err
			}
		}
		return nil
	}
	var b []byte
	for _, l := range lines {
		b = fmt.Appendf(b, "%d %s", len(l), l) // RFC 6587 §3.4.1
	}
	if _, err := s.conn.Write(b); err != nil {
		return err
	}
	return s.settle(ctx)
}

// settled reports whether the receiver's machine has acknowledged all.
func (s *Sender) settled() (bool, error) {
	select {
	case <-s.gone:
		return false, ErrGone
	default:
		return settled(s.raw)
	}
}

// settle waits until the receiver's machine has acknowledged all.
func (s *Sender) settle(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := s.settled()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not acknowledged: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func (s *Sender) connect(ctx context.Context) error {
	network := s.cfg.To.Network
	if network == "tls" {
		network = "tcp"
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, s.cfg.To.Host)
	if err != nil {
		return err
	}
	s.conn, s.raw = conn, conn
	if s.cfg.To.Network == "tls" {
		host, _, _ := net.SplitHostPort(s.cfg.To.Host) // parsed before
		cfg := &tls.Config{RootCAs: s.cfg.Roots, ServerName: host, MinVersion: tls.VersionTLS12}
		if s.cfg.Certificate != nil {
			cfg.Certificates = []tls.Certificate{*s.cfg.Certificate}
		}
		over := tls.Client(conn, cfg)
		if err := over.HandshakeContext(ctx); err != nil {
			return errors.Join(err, s.Close())
		}
		s.conn = over
	}
	if !s.cfg.To.stream() {
		return nil
	}
	gone, from := make(chan struct{}), s.conn
	s.gone = gone
	s.reader.Go(func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, from) // ends with the connection
	})
	if s.conn != s.raw {
		return s.notRefused(ctx)
	}
	return nil
}

// notRefused waits whether the receiver ends the connection at once.
func (s *Sender) notRefused(ctx context.Context) error {
	timer := time.NewTimer(refusal)
	defer timer.Stop()
	select {
	case <-s.gone:
		return fmt.Errorf("%w after the handshake: does it want another certificate?", ErrGone)
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Close ends the connection, if there is one. The next Send connects again.
func (s *Sender) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.reader.Wait()
	s.conn, s.raw = nil, nil
	return err
}
