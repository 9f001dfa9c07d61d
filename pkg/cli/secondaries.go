package cli

import (
	"fmt"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/config"
)

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
