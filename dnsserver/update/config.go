package update

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/rs/zerolog"
)

// Config says which zone is kept, and where.
type Config struct {
	// Zone is the name of the zone on that server; what is steered outside of
	// it is not written.
	Zone string
	// Server takes the updates: the primary of the zone. Or PowerDNS or Route 53
	// does, by its API.
	Server   netip.AddrPort
	PowerDNS *PowerDNS
	Route53  *Route53
	// KeyName and Secret sign updates and questions (TSIG, hmac-sha256).
	KeyName string
	Secret  []byte
	// Check is how often all sets are compared with what the server says; 0
	// means a minute. What differs is drift: somebody else wrote, or an update
	// was lost. It is counted, shown and mended.
	Check time.Duration
	// Pause is the least time between two writes, for servers that limit their
	// rate; 0 means none. An API that says itself how long to wait is obeyed.
	Pause time.Duration
	// Timeout bounds each exchange; 0 means 5 s.
	Timeout time.Duration
	Logger  zerolog.Logger
}

func (c Config) withDefaults() (Config, error) {
	ways := 0
	for _, taken := range []bool{c.Server.IsValid(), c.PowerDNS != nil, c.Route53 != nil} {
		if taken {
			ways++
		}
	}
	if c.Zone == "" || ways != 1 {
		return c, errors.New("configure dynamic update: no zone, or not one server")
	}
	c.Zone = strings.ToLower(dns.Fqdn(c.Zone))
	if _, ok := dns.IsDomainName(c.Zone); !ok {
		return c, fmt.Errorf("configure dynamic update: %q is no domain name", c.Zone)
	}
	if err := c.access(); err != nil {
		return c, fmt.Errorf("configure dynamic update of %s: %w", c.Zone, err)
	}
	if c.Check < 0 || c.Pause < 0 || c.Timeout < 0 {
		return c, fmt.Errorf("configure dynamic update of %s: a time is negative", c.Zone)
	}
	if c.Check == 0 {
		c.Check = time.Minute
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	return c, nil
}

// access checks by what right the zone is written.
func (c *Config) access() error {
	if c.PowerDNS != nil {
		p, err := c.PowerDNS.withDefaults()
		c.PowerDNS = &p
		return err
	}
	if c.Route53 != nil {
		r, err := c.Route53.withDefaults()
		c.Route53 = &r
		return err
	}
	if c.KeyName == "" || len(c.Secret) < 16 {
		return errors.New("no key, or a secret below 16 octets")
	}
	c.KeyName = strings.ToLower(dns.Fqdn(c.KeyName))
	return nil
}

// target is who is written to.
func (c Config) target() target {
	if c.PowerDNS != nil {
		return newPowerDNS(c)
	}
	if c.Route53 != nil {
		return newRoute53(c)
	}
	return &server{c}
}

func (c *Config) secrets() map[string]string {
	return map[string]string{c.KeyName: base64.StdEncoding.EncodeToString(c.Secret)}
}
