package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/config"
)

// checkZones reads the zone files of an agent file, and says what they hold.
func checkZones(f *config.Agent) (string, error) {
	found := ""
	var errs []error
	for _, z := range f.DNS.Zones {
		text, err := os.ReadFile(z.File)
		if err != nil {
			errs = append(errs, fmt.Errorf("read zone file: %w", err))
			continue
		}
		zone, err := dnsserver.ReadZone(text, z.Origin, z.File)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found += fmt.Sprintf(", zone %s with %d record sets", zone.Origin, len(zone.Sets))
	}
	return found, errors.Join(errs...)
}
