package agent

import (
	"slices"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestNamesOfASite: its services and their tenants, and nobody else's.
func TestNamesOfASite(t *testing.T) {
	f := fleetWith(fleet.Extra{Name: "tenants", Kind: "certificates"})
	f.Services[1].Sites = []fleet.SiteID{"ottawa"}
	table, _, err := (*fleet.Tenants)(nil).Edit([]fleet.TenantChange{
		{Domain: "acme.voice.example.net", Service: f.Services[0].Name}, {Domain: "zebra.voice.example.net", Service: f.Services[1].Name},
	})
	if err != nil {
		t.Fatal(err)
	}
	a := &Agent{cfg: Config{Name: "calgary", Site: "calgary"}, log: zerolog.Nop(), pub: newPublisher("calgary", nil, nil, zerolog.Nop())}
	if got := a.namesOf("calgary"); got != nil {
		t.Errorf("without a fleet: %v", got)
	}
	tenants, err := steer.NewTenantTable(table)
	if err != nil {
		t.Fatal(err)
	}
	a.pub.state = steer.State{Fleet: f, Tenants: tenants}
	want := []string{"acme.voice.example.net", string(f.Services[0].Name)}
	if got := a.namesOf("calgary"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	specs := a.extraSpecs(f, nil)
	if len(specs) != 1 || specs[0].Check.Transport != fleet.TLS || specs[0].Times.Again == 0 || specs[0].Check.Kind != health.Certificates.Named("tenants") {
		t.Errorf("%+v", specs)
	}
}
