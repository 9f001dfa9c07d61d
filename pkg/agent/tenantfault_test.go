package agent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestAFaultOfOneTenantIsNamed: two tenants' canaries, of which one can log in
// nowhere. Each logs in with its own password; the sites stay up, nothing is moved,
// and status names the tenant once.
func TestAFaultOfOneTenantIsNamed(t *testing.T) {
	f := fleettest.ThreeSites()
	f.Checks.Canaries = []fleet.Canary{{User: "canary", Secret: "ours"}, {User: "lobby", Domain: "acme.example", Secret: "acme"}}
	s, _, err := steer.Apply(steer.New(), steer.Command{Version: 1, Kind: steer.KindSetFleet, At: noon, By: "alice", Reason: "first", Fleet: &f})
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	for _, name := range []string{"ours", "acme"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("password of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := &Agent{cfg: Config{Secrets: Secrets{Dir: dir}}}
	logins := map[string]int{}
	for _, spec := range a.withLogins(&f, specsOf(&f, nil)) {
		if spec.Check.Kind.Base() == health.Register {
			logins[string(spec.Check.Kind)+" "+spec.Login.User+" "+spec.Login.Password]++
		}
	}
	listeners := logins["register canary password of ours"]
	if len(logins) != 2 || listeners == 0 || logins["register:acme.example lobby password of acme"] != listeners {
		t.Errorf("logins %v", logins)
	}
	if got, want := f.Checks.Of("register:acme.example"), f.Checks.Of("register"); got != want {
		t.Errorf("times of a further login: %+v, want %+v", got, want)
	}

	o := newOpinions(func() []Peer {
		return []Peer{{Name: "calgary", Site: "calgary"}, {Name: "ottawa", Site: "ottawa"}, {Name: "vancouver", Site: "vancouver"}}
	}, reportFresh)
	var all []health.Opinion
	for _, c := range checksOf(&f) {
		op := health.Opinion{Check: c, Status: health.Up}
		if c.Kind == "register:acme.example" {
			op.Status, op.Cause, op.Detail = health.Down, health.CauseAuth, "a right password is refused"
		}
		all = append(all, op)
	}
	for _, site := range []string{"calgary", "ottawa", "vancouver"} {
		if err := o.take(api.Report{Agent: site, Site: site, Seq: 1, Opinions: all}, noon); err != nil {
			t.Fatal(err)
		}
	}
	o.fresh = 1 << 62 // noon is long ago
	for _, c := range steer.Decide(s, steer.Input{Now: noon, Settled: true, Verdicts: o.verdicts(s, noon)}) {
		if c.Kind == steer.KindWithdraw || c.Kind == steer.KindAdvise {
			t.Errorf("decided: %+v", c)
		}
		if s, _, err = steer.Apply(s, c); err != nil {
			t.Fatal(err)
		}
	}
	if slices.ContainsFunc(s.Verdicts, func(v health.Verdict) bool { return v.Status != health.Up }) || len(s.Brakes) != 0 {
		t.Errorf("verdicts %+v, brakes %+v", s.Verdicts, s.Brakes)
	}
	got := tenantFaults(s, "ottawa")
	if len(got) != 1 || !strings.HasPrefix(got[0].Detail, "tenant acme.example cannot log in at ") || !strings.Contains(got[0].Next, "tenant rollback") || got[0].Agent != "ottawa" {
		t.Errorf("attention: %+v", got)
	}
}

// TestATenantsSitesAreAllNamed: the sites fail one after the other, and the first
// verdict names those of its moment. The tenant is named once, with all of them.
func TestATenantsSitesAreAllNamed(t *testing.T) {
	f := fleettest.ThreeSites()
	f.Checks.Canaries = []fleet.Canary{{User: "canary", Secret: "ours"}, {User: "lobby", Domain: "acme.example", Secret: "acme"}}
	s := steer.New()
	s.Fleet = &f
	detail := "tenant acme.example cannot log in at calgary and ottawa, others can: it is the tenant, not the sites (a right password is refused (403))"
	for _, c := range checksOf(&f) {
		v := health.Verdict{Check: c, Status: health.Up}
		if c.Kind == "register:acme.example" {
			v.Cause, v.Detail = health.CauseTenant, detail
		}
		s.Verdicts = append(s.Verdicts, v)
	}
	got := tenantFaults(s, "ottawa")
	const want = "tenant acme.example cannot log in at calgary, ottawa and vancouver, others can: it is the tenant, not the sites (a right password is refused (403))"
	if len(got) != 1 || got[0].Detail != want {
		t.Errorf("attention: %+v", got)
	}
	s.Verdicts = slices.DeleteFunc(s.Verdicts, func(v health.Verdict) bool { return v.Check.Site != "calgary" })
	if got := tenantFaults(s, "ottawa"); len(got) != 1 || got[0].Detail != detail {
		t.Errorf("at one site: %+v", got)
	}
}
