package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/dnsserver/update"
	"github.com/sipsteer/sipsteer/pkg/config"
)

// updates lists the zones that are kept at others. Their keys are those of cfg.
func updates(cfg dnsserver.Config, file config.DNS, log zerolog.Logger) ([]update.Config, error) {
	var out []update.Config
	for _, u := range file.Updates {
		c := update.Config{Zone: u.Zone, Server: u.Server, Pause: time.Duration(u.Pause), Logger: log}
		if p := u.PowerDNS; p != nil {
			key, err := p.Key()
			if err != nil {
				return nil, fmt.Errorf("zone %s: %w", u.Zone, err)
			}
			c.PowerDNS = &update.PowerDNS{URL: p.URL, Key: key, ServerID: p.ServerID}
		}
		if r := u.Route53; r != nil {
			key, err := r.Key()
			if err != nil {
				return nil, fmt.Errorf("zone %s: %w", u.Zone, err)
			}
			c.Route53 = &update.Route53{ZoneID: r.ZoneID, KeyID: key.ID, Secret: key.Secret, Session: key.Session}
		}
		for _, k := range cfg.Keys {
			if strings.EqualFold(strings.TrimSuffix(k.Name, "."), strings.TrimSuffix(u.Key, ".")) {
				c.KeyName, c.Secret = k.Name, k.Secret
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// secondaries tells the name server who may follow it, and by which keys.
func secondaries(cfg *dnsserver.Config, file config.DNS) error {
	for _, k := range file.Keys {
		secret, err := k.Secret()
		if err != nil {
			return fmt.Errorf("key %s: %w", k.Name, err)
		}
		cfg.Keys = append(cfg.Keys, dnsserver.TSIGKey{Name: k.Name, Secret: secret})
	}
	for _, s := range file.Secondaries {
		cfg.Secondaries = append(cfg.Secondaries, dnsserver.Secondary{Notify: s.Notify, From: s.From, Key: s.Key})
	}
	return nil
}
