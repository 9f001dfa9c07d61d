package agent

import (
	"slices"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate/meter"
)

// TestPartsLeft: registrations count for the tenant's bucket, those of a service's
// own name apart, and those of a domain that nobody knows for nobody.
func TestPartsLeft(t *testing.T) {
	d := newCohortDay(t)
	d.tenants(3)
	west := d.state.Fleet.Services[0].Name
	got := partsLeft([]meter.Tenant{
		{Domain: "T001.voice.example.net", Left: 2},
		{Domain: "t001.voice.example.net.", Left: 1},
		{Domain: string(west), Left: 7},
		{Domain: "203.0.113.9", Left: 50},
	}, d.state)
	want := []api.PartLeft{{Service: string(west), Bucket: fleet.BucketOf("t001.voice.example.net"), Left: 3}, {Service: string(west), Bucket: fleet.OwnName, Left: 7}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
