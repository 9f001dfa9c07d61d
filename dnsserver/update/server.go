package update

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// Errors of a write.
var (
	// ErrStale is returned when a newer epoch than ours stands in the zone:
	// another agent leads, and has written.
	ErrStale = errors.New("epoch-forward: a newer epoch is in the zone")
	// ErrRaced is returned when the marker changed between reading and
	// writing; nothing was written.
	ErrRaced = errors.New("another writer was faster")
)

// server is the name server that is written to.
type server struct{ cfg Config }

func (s *server) where() string { return s.cfg.Server.String() }

// exchange sends one signed message over TCP.
func (s *server) exchange(ctx context.Context, m *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	m.SetTsig(s.cfg.KeyName, dns.HmacSHA256, 300, time.Now().Unix())
	c := &dns.Client{Net: "tcp", TsigSecret: s.cfg.secrets(), Timeout: s.cfg.Timeout}
	r, _, err := c.ExchangeContext(ctx, m, s.cfg.Server.String())
	return r, err
}

// lookup asks for one set.
func (s *server) lookup(ctx context.Context, k srv.Key) ([]dns.RR, error) {
	m := new(dns.Msg)
	m.SetQuestion(k.Name, uint16(k.Type))
	m.RecursionDesired = false
	r, err := s.exchange(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", k, err)
	}
	if r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("ask for %s: %s", k, dns.RcodeToString[r.Rcode])
	}
	var out []dns.RR
	for _, rr := range r.Answer {
		if rr.Header().Rrtype == uint16(k.Type) && dns.CanonicalName(rr.Header().Name) == k.Name {
			out = append(out, rr)
		}
	}
	return out, nil
}

// epoch reads the marker.
func (s *server) epoch(ctx context.Context) (uint64, error) {
	records, err := s.lookup(ctx, markerKey(s.cfg.Zone))
	return epochOf(records), err
}

// write carries changes out, in as many updates as it takes.
func (s *server) write(ctx context.Context, before, epoch uint64, changes []rrset) error {
	for i, m := range messages(s.cfg.Zone, before, epoch, changes) {
		if i > 0 && !pause(ctx, s.cfg.Pause) {
			return ctx.Err()
		}
		r, err := s.exchange(ctx, m)
		switch {
		case err != nil:
			return fmt.Errorf("update %s: %w", s.cfg.Zone, err)
		case r.Rcode == dns.RcodeNXRrset || r.Rcode == dns.RcodeYXRrset:
			return fmt.Errorf("update %s: %w", s.cfg.Zone, ErrRaced)
		case r.Rcode != dns.RcodeSuccess:
			return fmt.Errorf("update %s: %s from %s", s.cfg.Zone, dns.RcodeToString[r.Rcode], s.cfg.Server)
		}
	}
	return nil
}

// pause waits; false if ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
