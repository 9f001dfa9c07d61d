package probes

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

type nobody struct{ Prober }

// A machine that was paused sees all its questions time out when it goes on.
// Inside the package, because a pause cannot be made in virtual time.
func TestAPausedMachineBlamesNobody(t *testing.T) {
	r, err := New(Config{
		Observer: "calgary-1", Interval: time.Second, Timeout: 400 * time.Millisecond, Burst: 150 * time.Millisecond,
		Thresholds: health.Thresholds{Fall: 1, Reset: 1, Rise: 1},
		Probers:    map[health.Kind]Prober{health.Options: nobody{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: fleet.UDP}, Kind: health.Options}
	if err := r.SetSpecs([]Spec{{Check: id, Address: netip.MustParseAddrPort("127.0.0.1:5060")}}); err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 2, 19, 9, 0, 0, 0, time.UTC)
	timeout := Failed(health.CauseTimeout, "no answer")
	last := func() health.Observation {
		all := r.Recent(id)
		return all[len(all)-1]
	}

	r.record(r.checks[id], start, true, timeout, start.Add(5*time.Second))
	if o := last(); o.Outcome != health.NoData || o.Cause != health.CauseLocal {
		t.Errorf("a result that comes seconds late: %+v", o)
	}
	r.stalled = start.Add(300 * time.Millisecond)
	r.record(r.checks[id], start, true, timeout, start.Add(400*time.Millisecond))
	if o := last(); o.Outcome != health.NoData {
		t.Errorf("the schedule was late meanwhile: %+v", o)
	}
	r.record(r.checks[id], start, true, Failed(health.CauseRefused, "refused"), start.Add(5*time.Second))
	if o := last(); o.Outcome != health.Failure {
		t.Errorf("a refusal is one, however late: %+v", o)
	}
	start = start.Add(time.Second)
	r.record(r.checks[id], start, true, timeout, start.Add(400*time.Millisecond))
	if o := last(); o.Outcome != health.Failure {
		t.Errorf("in time: %+v", o)
	}
}
