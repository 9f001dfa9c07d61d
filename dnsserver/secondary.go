package dnsserver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Secondary is a name server of somebody else that follows the zones by
// transfer (RFC 5936, RFC 1995).
type Secondary struct {
	// Notify is where it is told of new serials (RFC 1996); unset if it only
	// asks from time to time.
	Notify netip.AddrPort
	// From are the networks that it asks from. Default: the address of Notify.
	From []netip.Prefix
	// Key is the name of the key that it signs with. There is no transfer
	// without one: addresses can be forged and borrowed.
	Key string
}

// checkSecondaries fills in defaults and refuses what nobody could use.
func (c *Config) checkSecondaries() error {
	c.Secondaries = slices.Clone(c.Secondaries)
	for i := range c.Secondaries {
		s := &c.Secondaries[i]
		if s.Notify.IsValid() && len(s.From) == 0 {
			s.From = []netip.Prefix{netip.PrefixFrom(s.Notify.Addr(), s.Notify.Addr().BitLen())}
		}
		if len(s.From) == 0 {
			return errors.New("configure secondary: neither an address to notify nor networks to transfer from")
		}
		w, err := packName(s.Key)
		if err != nil || c.keys[string(w)] == nil {
			return fmt.Errorf("configure secondary: there is no key %q", s.Key)
		}
	}
	return nil
}

// mayTransfer reports whether a client with a key, nil for none, may have the
// zones.
func (c *Config) mayTransfer(client netip.Addr, key *tsigKey) bool {
	return key != nil && slices.ContainsFunc(c.Secondaries, func(s Secondary) bool {
		w, err := packName(s.Key)
		return err == nil && string(w) == string(key.wire) &&
			slices.ContainsFunc(s.From, func(p netip.Prefix) bool { return p.Contains(client.Unmap()) })
	})
}
