package plan_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// withTenants gives a service one tenant: then its load is the tenants'.
func withTenants(t *testing.T, s steer.State) steer.State {
	t.Helper()
	rows := steer.TenantRows([]fleet.TenantChange{{Domain: "acme.voice.example.net", Service: "west.voice.example.net"}}, 1<<20)
	for _, c := range []steer.Command{
		{Version: 1, Kind: steer.KindTenantStage, At: noon, By: "t", Reason: "t", Tenants: &steer.TenantChange{Upload: "u", Rows: rows[0]}},
		{Version: 1, Kind: steer.KindTenantCommit, At: noon, By: "t", Reason: "t", Tenants: &steer.TenantChange{Upload: "u", Part: 1}},
	} {
		var err error
		if s, _, err = steer.Apply(s, c); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// A plan of a cohort's move says for whom answers change, and how many phones
// that are.
func TestPlanOfACohort(t *testing.T) {
	s := withTenants(t, loaded(t, nil))
	tenth, err := fleet.ParseCohort("90-99")
	if err != nil {
		t.Fatal(err)
	}
	p := made(t, s, steer.Command{Kind: steer.KindDrain, Site: "calgary", Service: "west.voice.example.net", Cohort: tenth})
	if p.Moved == nil || p.Moved.Registrations != 600 || p.Moved.Calls != 30 {
		t.Errorf("moved %+v", p.Moved)
	}
	if len(p.Shares) != 3 || p.Shares[0].Cohort != tenth || p.Shares[0].After["vancouver"] != 100 {
		t.Errorf("shares %+v", p.Shares)
	}
	for _, g := range p.Gates {
		t.Errorf("a gate would refuse at once: %+v", g)
	}
	now := made(t, s, steer.Command{Kind: steer.KindDrain, Site: "calgary", Service: "west.voice.example.net", Cohort: tenth, Now: true})
	if len(now.Gates) != 3 {
		t.Errorf("%d changes of gates", len(now.Gates))
	}
	for _, g := range now.Gates {
		if g.Site != "calgary" || g.Service != "west.voice.example.net" || g.Cohort != tenth || g.Before != "open" || g.After != "refuses new work" {
			t.Errorf("gate %+v", g)
		}
	}
	var b bytes.Buffer
	p.Write(&b)
	for _, want := range []string{"drain calgary for west.voice.example.net for 10 % of the tenants (buckets 90-99)", "_sip._udp._c90.west.voice.example.net. SRV", "600 registrations"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, b.String())
		}
	}
}

// A failback by cohorts is planned to its end.
func TestPlanOfAFailbackByCohorts(t *testing.T) {
	s := withTenants(t, loaded(t, nil))
	c := steer.Command{Version: 1, Kind: steer.KindFailover, At: noon, By: "t", Reason: "t", Site: "calgary"}
	s, _, err := steer.Apply(s, c)
	if err != nil {
		t.Fatal(err)
	}
	p := made(t, s, steer.Command{Kind: steer.KindFailback, Site: "calgary", Pace: fleet.PaceCohorts, Override: []steer.Rule{steer.RuleManualBack}})
	if p.Moved == nil || p.Moved.Registrations != 6000 || len(p.Steps) != 2 || !strings.Contains(p.Steps[0].Text, "25 % of the tenants") {
		t.Errorf("moved %+v, steps %+v", p.Moved, p.Steps)
	}
}
