package incident_test

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/incident"
)

func TestStatusPage(t *testing.T) {
	r := newReplay(t, "2019-02-12 15:00:00", nil)
	well := incident.StatusOf(r.state, "Example Voice", r.now)
	if well.State != incident.Operational || len(well.Open)+len(well.Past) != 0 {
		t.Fatalf("a well fleet: %+v", well)
	}
	r.until("15:15:00")
	r.fails("calgary", health.TLS, health.CauseTLSHang, fleet.TLS)
	r.until("15:16:00")
	now := incident.StatusOf(r.state, "Example <b>Voice</b>", r.now)
	if now.State != incident.Degraded || len(now.Open) != 1 || !now.Open[0].Moved || now.Open[0].NextUpdate.Sub(now.Open[0].UpdatedAt) != time.Hour {
		t.Fatalf("while it lasts: %+v", now)
	}
	html, err := now.HTML(incident.Options{Lang: incident.French})
	if err != nil {
		t.Fatal(err)
	}
	feed, err := now.Atom(incident.Options{}, "https://status.example.net/")
	if err != nil {
		t.Fatal(err)
	}
	list, err := now.JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "status.fr.html", string(html))
	golden(t, "status.atom", string(feed))
	golden(t, "status.json", string(list))
	if err := xml.Unmarshal(feed, new(struct{ XMLName xml.Name })); err != nil {
		t.Error(err)
	}
	for what, text := range map[string]string{"page": string(html), "feed": string(feed), "list": string(list)} {
		for _, secret := range []string{"calgary", "ottawa", "127.10.", "<b>Voice", "alice"} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s tells customers %q", what, secret)
			}
		}
	}
	r.works("calgary", health.TLS, fleet.TLS)
	r.until("15:20:00")
	for _, t := range []fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS} {
		for _, s := range []fleet.SiteID{"calgary", "ottawa", "vancouver"} {
			r.check(s, t, health.Options, health.Down, health.CauseTimeout)
		}
	}
	r.decide()
	if all := incident.StatusOf(r.state, "x", r.now); all.State != incident.Outage {
		t.Errorf("all sites down: %s", all.State)
	}
}
