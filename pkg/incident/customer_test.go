package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/incident"
)

// TestWhatCustomersAreTold: in whole sentences, in their language, until when
// their phones have registered again, and nothing of sites.
func TestWhatCustomersAreTold(t *testing.T) {
	r := newReplay(t, "2019-02-12 15:00:00", nil)
	says := func(service, lang string) string {
		t.Helper()
		h, ok := incident.ServiceOf(r.state, fleet.ServiceID(service), r.now)
		if !ok {
			t.Fatalf("no service %s", service)
		}
		list, err := h.Says(incident.Options{Lang: incident.Lang(lang), Zone: time.FixedZone("MST", -7*3600)})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(list, " ")
		for _, secret := range []string{"calgary", "ottawa", "vancouver", "127."} {
			if strings.Contains(text, secret) {
				t.Errorf("%q tells %s", text, secret)
			}
		}
		return text
	}
	const west, east = "west.voice.example.net", "east.voice.example.net"
	if got := says(west, "en"); got != "Your service works." {
		t.Error(got)
	}
	r.until("15:15:00")
	r.fails("calgary", health.TLS, health.CauseTLSHang, fleet.TLS)
	r.until("15:16:00")
	if got := says(west, "en"); got != "Your service works. Your phones register again by themselves within about 2 minutes, by 08:17 (MST, UTC-07:00); no reboot is needed." {
		t.Error(got)
	}
	if got := says(west, "fr"); !strings.Contains(got, "en 2 minutes environ, d’ici 08:17 (MST, UTC-07:00) ; inutile de les redémarrer") {
		t.Error(got)
	}
	r.until("15:20:00")
	if got := says(west, "en"); got != "Your service works." {
		t.Errorf("after they have moved: %s", got)
	}
	st := incident.StatusOf(r.state, "x", r.now)
	if next, ok := st.Changes(r.now); ok {
		t.Errorf("the page changes by itself at %s", next)
	}
	if _, ok := incident.ServiceOf(r.state, "north.voice.example.net", r.now); ok {
		t.Error("a service that is none is told of")
	}
}

// TestPagesOfBrands: each has its own services and what concerns them.
func TestPagesOfBrands(t *testing.T) {
	both := incident.Status{
		State:    incident.Outage,
		Services: []incident.ServiceHealth{{Name: "west", State: incident.Operational}, {Name: "east", State: incident.Outage}},
		Open:     []incident.Notice{{ID: "1", Services: []string{"east"}}, {ID: "2", Services: []string{"east", "west"}}, {ID: "3"}},
		Past:     []incident.Notice{{ID: "4", Services: []string{"east"}}},
	}
	ids := func(list []incident.Notice) (out string) {
		for _, n := range list {
			out += n.ID + strings.Join(n.Services, "+") + " "
		}
		return out
	}
	west := both.Only([]string{"west"})
	if west.State != incident.Degraded || len(west.Services) != 1 || ids(west.Open) != "2west 3 " || ids(west.Past) != "" {
		t.Errorf("%+v", west)
	}
	if all := both.Only(nil); len(all.Services) != 2 || len(all.Open) != 3 {
		t.Errorf("all: %+v", all)
	}
	if ids(both.Open) != "1east 2east+west 3 " {
		t.Error("the page of one brand has changed the other's")
	}
	if err := both.Unknown([]string{"west", "north"}); err == nil || !strings.Contains(err.Error(), "north") {
		t.Errorf("an unknown service: %v", err)
	}
}
