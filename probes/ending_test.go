package probes_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

// shown answers well, with a certificate.
type shown struct{ ends atomic.Pointer[probes.Ending] }

// Probe implements probes.Prober.
func (s *shown) Probe(context.Context, probes.Spec) probes.Result {
	e := s.ends.Load()
	if e == nil {
		return probes.Failed(health.CauseTimeout, "no answer")
	}
	r := probes.Succeeded(time.Millisecond, "")
	r.Ends = *e
	return r
}

// TestWhenCertificatesEnd: what was shown last is known, also while nothing is shown,
// until another one is.
func TestWhenCertificatesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, check := &shown{}, checksOf("calgary")[0]
		cfg := labConfig(newWorld())
		cfg.Probers[check.Kind] = p
		day := func(n int) *probes.Ending {
			return &probes.Ending{At: time.Date(2030, 1, n, 0, 0, 0, 0, time.UTC), Of: "west"}
		}
		r := running(t, cfg, []health.Check{check})
		for i, step := range []struct{ show, want *probes.Ending }{{nil, &probes.Ending{}}, {day(1), day(1)}, {nil, day(1)}, {day(9), day(9)}, {&probes.Ending{}, &probes.Ending{}}} {
			p.ends.Store(step.show)
			time.Sleep(3 * time.Second)
			if got := r.CheckStats()[0].Ends; got != *step.want {
				t.Errorf("step %d: %+v, want %+v", i, got, *step.want)
			}
		}
	})
}

func TestSooner(t *testing.T) {
	none, early, late := probes.Ending{}, probes.Ending{At: time.Unix(1, 0), Of: "a"}, probes.Ending{At: time.Unix(2, 0), Of: "b"}
	for _, c := range []struct{ a, b, want probes.Ending }{{none, late, late}, {late, none, late}, {late, early, early}, {early, late, early}, {none, none, none}} {
		if got := c.a.Sooner(c.b); got != c.want {
			t.Errorf("%v and %v: %v", c.a, c.b, got)
		}
	}
}
