package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// listening is a name server that remembers what it was told.
type listening struct {
	picky
	zone   *srv.Zone
	others []*srv.Zone
	fussy  bool // refuses a zone with a mail host
}

func (l *listening) Serve(z *srv.Zone) error {
	if _, ok := z.Lookup("mail.voice.example.net.", srv.TypeA); ok && l.fussy {
		return dnsserver.ErrUnservable
	}
	l.zone = z
	return l.picky.Serve(z)
}

func (l *listening) ServeOthers(zones []*srv.Zone) error {
	l.others = zones
	return nil
}

// Files are served beside what is steered; a broken one is refused whole with
// its lines shown and what was served before stays; and none of them keeps a
// decision from being served.
func TestZoneFiles(t *testing.T) {
	dir := t.TempDir()
	own, beside := filepath.Join(dir, "own.zone"), filepath.Join(dir, "beside.zone")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const zone = "@ 60 SOA ns.example. host.example. 1 2 3 4 5\n@ 60 NS ns.example.\n"
	write(own, zone+"www 60 A 192.0.2.1\n")
	write(beside, "mail 60 A 192.0.2.25\n@ 60 MX 10 mail\nwest 60 TXT hidden\n")
	dns := &listening{}
	pub := newPublisher("calgary", dns, nil, zerolog.Nop())
	z := &zoneFiles{files: []ZoneFile{{"example.org", own}, {"voice.example.net", beside}}, dns: dns, pub: pub, log: zerolog.Nop()}
	if err := z.start(); err != nil {
		t.Fatal(err)
	}
	problem := func() string {
		now, _ := pub.served()
		return now.problem
	}
	f := fleettest.ThreeSites()
	pub.publish(steer.State{Epoch: 1, Fleet: &f})
	if _, ok := dns.zone.Lookup("mail.voice.example.net.", srv.TypeA); !ok || len(dns.others) != 1 {
		t.Errorf("mail %t, %d other zones", ok, len(dns.others))
	}
	if _, ok := dns.zone.Lookup("west.voice.example.net.", srv.TypeTXT); ok || !strings.Contains(problem(), "west.voice.example.net. TXT") {
		t.Errorf("west has a text %t, problem %q", ok, problem())
	}

	write(beside, "mail 60 A 192.0.2.25\n")
	write(own, zone+"www 60 A 192.0.2\n")
	z.look()
	pub.publish(steer.State{Epoch: 2, Fleet: &f})
	if len(dns.others) != 1 || len(dns.others[0].Sets) != 2 || !strings.Contains(problem(), "own.zone:3: ") {
		t.Errorf("%d other zones, problem %q", len(dns.others), problem())
	}

	write(own, zone)
	z.look()
	if problem() != "" || len(dns.others[0].Sets) != 1 {
		t.Errorf("problem %q", problem())
	}

	dns.fussy = true
	pub.publish(steer.State{Epoch: 3, Fleet: &f})
	if _, ok := dns.zone.Lookup("mail.voice.example.net.", srv.TypeA); dns.zone.Epoch != 3 || ok || !strings.Contains(problem(), "left out") {
		t.Errorf("epoch %d, problem %q", dns.zone.Epoch, problem())
	}
}
