package steer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// parts are the parts of calgary's gate over UDP, one a line.
func (g *guarded) parts() string {
	var out []string
	for _, p := range steer.GateStates(g.s)["calgary"].Rule(fleet.UDP).Parts {
		out = append(out, fmt.Sprintf("%s %s %s pass=%t %q", p.Service, p.Cohort, p.Mode, p.PassInvite, p.Reason))
	}
	return strings.Join(out, "\n")
}

func (g *guarded) wantParts(t *testing.T, step, want string) {
	t.Helper()
	if got := g.parts(); got != want {
		t.Errorf("%s: the gate refuses\n%s\nwant\n%s", step, got, want)
	}
	for _, r := range steer.GateStates(g.s)["vancouver"].Rules {
		if len(r.Parts) > 0 || r.Mode != steer.GateOpen {
			t.Errorf("%s: the gate of a site that nothing left refuses: %+v", step, r)
		}
	}
}

// A cohort that leaves a site is refused there from when it is out of the answers,
// REGISTER first; nobody else is, and when it is back, it is not refused any more.
func TestGateRefusesACohort(t *testing.T) {
	g := newTenanted(t, nil)
	g.must(steer.Command{Kind: steer.KindDrain, Site: "calgary", Cohort: cohort(t, "90-99"), For: fleet.Duration(24 * time.Hour)})
	g.wantParts(t, "announced", "")
	g.lead(80 * time.Second)
	g.wantParts(t, "out of the answers", `west.voice.example.net 90-99 draining pass=true "site drained"`)
	r := steer.GateStates(g.s)["calgary"].Rule(fleet.UDP)
	for bucket, want := range map[int]steer.GateMode{90: steer.GateDraining, 99: steer.GateDraining, 89: steer.GateOpen, 7: steer.GateOpen, fleet.OwnName: steer.GateOpen} {
		if got := r.For(west, bucket); got.Mode != want || got.PassInvite != (want == steer.GateDraining) {
			t.Errorf("bucket %d: %+v", bucket, got)
		}
		if got := r.For("east.voice.example.net", bucket).Mode; got != steer.GateOpen {
			t.Errorf("bucket %d of another service: %s", bucket, got)
		}
	}
	g.lead(g.s.Fleet.Policy.RegistrationPeriod.D())
	g.wantParts(t, "second phase", `west.voice.example.net 90-99 draining pass=false "site drained"`)
	g.must(steer.Command{Kind: steer.KindUndrain, Site: "calgary", Pace: fleet.PaceCohorts})
	g.lead(2 * time.Second)
	g.wantParts(t, "the first tenth is back", `west.voice.example.net 91-99 draining pass=false "site out of service"`)
	g.lead(2 * time.Hour)
	g.wantParts(t, "back", "")
}

// A service that leaves a site is refused there, and the other services are not.
// When nothing is answered there any more the gate refuses as a whole.
func TestGateRefusesAService(t *testing.T) {
	g := newTenanted(t, nil)
	const east = "east.voice.example.net"
	g.must(steer.Command{Kind: steer.KindDrain, Site: "calgary", Service: west, Now: true, For: fleet.Duration(time.Hour)})
	g.wantParts(t, "a service", `west.voice.example.net 0-99,own draining pass=false "site drained"`)
	if got := steer.GateStates(g.s)["calgary"].Rule(fleet.UDP).Parts[0].Whom(); got != string(west) {
		t.Errorf("of whom: %s", got)
	}
	g.must(steer.Command{Kind: steer.KindDrain, Site: "calgary", Service: east, Now: true, For: fleet.Duration(time.Hour)})
	if r := steer.GateStates(g.s)["calgary"].Rule(fleet.UDP); r.Mode != steer.GateDraining || len(r.Parts) > 0 || r.For(west, 3).Mode != steer.GateDraining {
		t.Errorf("both services: %+v", r)
	}
}

// Parts of one service in two phases stand beside each other, and one transport
// says nothing of the others.
func TestGatePartsInTwoPhases(t *testing.T) {
	g := newTenanted(t, nil)
	g.must(steer.Command{Kind: steer.KindDrain, Site: "calgary", Cohort: cohort(t, "0-9"), Transport: fleet.UDP, Now: true, For: fleet.Duration(time.Hour)})
	g.must(steer.Command{Kind: steer.KindDrain, Site: "calgary", Cohort: cohort(t, "90-99"), For: fleet.Duration(time.Hour)})
	g.lead(80 * time.Second)
	g.wantParts(t, "two drains", `west.voice.example.net 0-9 draining pass=false "site drained"
west.voice.example.net 90-99 draining pass=true "site drained"`)
	if p := steer.GateStates(g.s)["calgary"].Rule(fleet.TCP).Parts; len(p) != 1 || p[0].Cohort != cohort(t, "90-99") {
		t.Errorf("over tcp: %+v", p)
	}
	g.down("calgary")
	g.wantParts(t, "a dead softswitch takes no calls", `west.voice.example.net 0-9,90-99 draining pass=false "site drained"`)
}
