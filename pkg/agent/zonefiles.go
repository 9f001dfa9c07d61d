package agent

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// ZoneFile is a file in master file format and the zone that it is for.
type ZoneFile struct {
	Origin string // without or with the trailing dot
	File   string
}

// zonesLook is how often the files are looked at.
const zonesLook = 2 * time.Second

// otherZones is what zoneFiles needs of package dnsserver.
type otherZones interface {
	ServeOthers(zones []*srv.Zone) error
}

// zoneFiles serves zones from files beside the steered one, and tells the
// publisher the records that stand beside the steered ones. What cannot be read
// or served leaves in place what was served before, and is shown in status.
type zoneFiles struct {
	files []ZoneFile
	dns   otherZones
	pub   *publisher
	log   zerolog.Logger

	read  map[string]*srv.Zone // last good content, by file
	stamp map[string]string    // of the content last looked at, good or not
}

// start reads all files for the first time. A broken one does not keep the
// agent from starting: phones need their answers more than anybody these.
func (z *zoneFiles) start() error {
	z.read, z.stamp = map[string]*srv.Zone{}, map[string]string{}
	z.look()
	return nil
}

// watch reads files again when they change, until ctx ends.
func (z *zoneFiles) watch(ctx context.Context) {
	if len(z.files) == 0 {
		return
	}
	for pause(ctx, zonesLook); ctx.Err() == nil; pause(ctx, zonesLook) {
		z.look()
	}
}

// look serves what is new.
func (z *zoneFiles) look() {
	changed := false
	for _, f := range z.files {
		stamp := stampOf(f.File)
		changed = changed || z.stamp[f.File] != stamp
		z.stamp[f.File] = stamp
	}
	if !changed {
		return
	}
	var problems []string
	var others []*srv.Zone
	for _, f := range z.files {
		zone, err := readZoneFile(f)
		if err != nil {
			problems = append(problems, err.Error())
			zone = z.read[f.File]
		}
		switch {
		case zone == nil:
			continue
		case zone.SOA == (srv.SOA{}):
			z.pub.setBeside(zone)
		default:
			others = append(others, zone)
		}
		z.read[f.File] = zone
	}
	if err := z.dns.ServeOthers(others); err != nil {
		problems = append(problems, err.Error())
	}
	z.pub.setFilesProblem(strings.Join(problems, "; "))
	for _, p := range problems {
		z.log.Error().Str("problem", p).Msg("a zone file is refused; what was served before stays")
	}
	if len(problems) == 0 && len(z.files) > 0 {
		z.log.Info().Int("files", len(z.files)).Msg("zone files are served; records beside the steered ones with the next decision")
	}
}

// stampOf tells one content of a file from another.
func stampOf(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano())
}

func readZoneFile(f ZoneFile) (*srv.Zone, error) {
	text, err := os.ReadFile(f.File)
	if err != nil {
		return nil, fmt.Errorf("read zone file: %w", err)
	}
	return dnsserver.ReadZone(text, f.Origin, f.File)
}

// setFilesProblem shows what is wrong with zone files; "" takes it away.
func (p *publisher) setFilesProblem(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.filesProblem = text
	p.wake()
}
