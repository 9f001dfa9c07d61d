package agent

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/gate/divert"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestGatePolicyHasParts: what leaves a site in part is refused by its gate, which
// can look up whom that is about; nobody is looked up else, and a dead softswitch
// refuses everyone.
func TestGatePolicyHasParts(t *testing.T) {
	d := newCohortDay(t)
	d.tenants(300)
	west := d.state.Fleet.Services[0].Name
	if p := gatePolicy(d.state, "calgary", nil); len(p.Parts) > 0 || p.Tenants != nil || p.Services != nil {
		t.Errorf("an open site: %+v", p.Parts)
	}
	ten := fleet.AllTenants().First(10)
	d.do(steer.Command{Kind: steer.KindDrain, By: "alice", Reason: "pilot", Site: "calgary", Service: west, Cohort: ten, Now: true, For: fleet.Duration(3600e9)})
	p := gatePolicy(d.state, "calgary", nil)
	want := []gate.Part{{Service: west, Cohort: ten, Mode: gate.Draining, Reason: "site drained"}}
	if !reflect.DeepEqual(p.Parts[fleet.UDP], want) || !reflect.DeepEqual(p.Parts[fleet.TLS], want) || p.Rules[fleet.UDP].Mode != gate.Open {
		t.Errorf("%+v", p.Parts)
	}
	if _, ok := p.Tenants.Service("t001.voice.example.net"); !ok || len(p.Services) != len(d.state.Fleet.Services) || p.Horizon.IsZero() {
		t.Errorf("the gate cannot tell who is in it: %d tenants, services %v, horizon %s", p.Tenants.Len(), p.Services, p.Horizon)
	}
	if got := refusedParts(p); len(got) != 3 || got[0] != (api.GatePart{Transport: "udp", Service: string(west), Cohort: "0-9", Refuses: "new work", Reason: "site drained"}) {
		t.Errorf("people are told %+v", got)
	}
	if p := gatePolicy(d.state, "ottawa", nil); len(p.Parts) > 0 {
		t.Errorf("another site: %+v", p.Parts)
	}
	d.health("calgary", health.Down)
	p = gatePolicy(d.state, "calgary", map[fleet.Transport]bool{fleet.UDP: true})
	if p.Rules[fleet.UDP].Mode != gate.Closed || p.Parts[fleet.UDP] != nil || p.Parts[fleet.TCP] == nil {
		t.Errorf("a softswitch that is dead over udp: %+v, parts %+v", p.Rules, p.Parts)
	}
}

// TestDriverThatKnowsNoTenants: where something else than our gate refuses, a part
// leaves by the name servers alone, and that is said.
func TestDriverThatKnowsNoTenants(t *testing.T) {
	d, err := divert.New(divert.Config{Driver: &moody{}, Transports: []fleet.Transport{fleet.UDP}})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	defer d.Stop(t.Context())
	a := &Agent{divert: d}
	p := gate.Policy{Rules: map[fleet.Transport]gate.Rule{fleet.UDP: {}}}
	d.SetPolicy(p)
	d.Wait(t.Context())
	if got := a.unparted(); got != "" {
		t.Errorf("an open site: %q", got)
	}
	p.Parts = map[fleet.Transport][]gate.Part{fleet.UDP: {{Service: "west.voice.example.net", Cohort: fleet.AllTenants().First(5), Mode: gate.Draining}, {Service: "east.voice.example.net", Cohort: fleet.Everyone(), Mode: gate.Draining}}}
	d.SetPolicy(p)
	d.Wait(t.Context())
	if got := a.unparted(); !strings.Contains(got, "west.voice.example.net (cohort 0-4) over udp and 1 more leaves by the name servers' answers alone") {
		t.Errorf("a part: %q", got)
	}
}
