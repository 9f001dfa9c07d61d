package main

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/lab/phones"
)

// phonesVariable says how many phones TestDrainForecast has; a tenth of them hold a
// call. make drain-forecast sets it to 10000.
const phonesVariable = "SIPSTEER_DRAIN_PHONES"

// sample is one look at the gate of the site that is drained.
type sample struct {
	at, finish time.Time
	left       int
}

// TestDrainForecast drains a site with real phones and calls, and compares what
// was forecast on the way with when its last phone left: within a tenth of the
// whole from half-way on. It lasts minutes and needs a calm machine, so it runs
// only when it is asked for.
func TestDrainForecast(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv(phonesVariable))
	if err != nil {
		t.Skipf("%s is not set: make drain-forecast", phonesVariable)
	}
	refresh := 60 * time.Second
	l := startLab(t, "5s")
	l.longRegistrations(refresh)
	crowd := l.crowd(n, refresh)
	before := crowd.Snapshot()
	t.Logf("%d phones registered at calgary, %d calls", before.Registered["calgary"], before.Calls["calgary"])
	l.must(0, "drain", "calgary", "--reason", "forecast", "--for", "1h", "--yes")
	var samples []sample
	var began, end time.Time
	eventually(t, "calgary is empty", 6*refresh, func() bool {
		var gates []api.GateReport
		out := l.run("gate", "status", "calgary", "--json")
		if out.code != 0 || json.Unmarshal([]byte(out.out), &gates) != nil || len(gates) != 1 || gates[0].Since == nil {
			return false
		}
		g := gates[0]
		if began.IsZero() {
			began = *g.Since
		}
		if g.Left == 0 {
			end = time.Now()
			return true
		}
		if g.Finish != nil {
			samples = append(samples, sample{time.Now(), *g.Finish, g.Left})
		}
		return false
	})
	whole := end.Sub(began)
	worst := 0.0
	seen := 0
	for _, s := range samples {
		off := s.finish.Sub(end).Seconds() / whole.Seconds()
		half := s.at.Sub(began) >= whole/2
		if half {
			seen++
			worst = max(worst, max(off, -off))
		}
		if half && (off > 0.1 || off < -0.1) {
			t.Errorf("%s after it began %d were left and the end was forecast %+.0f %% off", s.at.Sub(began).Round(time.Second), s.left, 100*off)
		}
	}
	if seen < 5 {
		t.Errorf("only %d looks from half-way on", seen)
	}
	after := crowd.Snapshot()
	if after.CallsLost > before.CallsLost {
		t.Errorf("%d calls were lost", after.CallsLost-before.CallsLost)
	}
	t.Logf("empty after %s; %d forecasts from half-way on, the worst %.1f %% off; %d calls still up at calgary", whole.Round(time.Second), seen, 100*worst, after.Calls["calgary"])
}

// longRegistrations has the fleet count on phones that register so seldom.
func (l *testLab) longRegistrations(period time.Duration) {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.dir, "fleet.yaml"))
	if err != nil {
		l.t.Fatal(err)
	}
	file := filepath.Join(l.t.TempDir(), "fleet.yaml")
	changed := strings.Replace(string(text), "registration_period: 5s", "registration_period: "+period.String(), 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		l.t.Fatal(err)
	}
	plan := filepath.Join(l.t.TempDir(), "fleet.plan")
	l.must(0, "plan", "fleet", file, "--reason", "long registrations", "--out", plan)
	l.must(0, "apply", plan, "--yes")
}

// crowd starts phones of the service west, whose first choice is calgary, and waits
// until nearly all are registered.
func (l *testLab) crowd(n int, refresh time.Duration) *phones.Crowd {
	l.t.Helper()
	var servers []netip.AddrPort
	sites := map[netip.AddrPort]fleet.SiteID{}
	for i := range 3 {
		p := l.place(i)
		servers = append(servers, p.DNS)
		for _, a := range p.Gate {
			sites[a] = p.Site
		}
	}
	c, err := phones.New(phones.Config{
		Groups:      []phones.Group{{Kind: phones.SRV, Transport: fleet.UDP, Service: fleet.ServiceID("west." + lab.Zone), Count: n, Calls: n / 10}},
		NameServers: servers, SiteOf: func(a netip.AddrPort) fleet.SiteID { return sites[a] }, Refresh: refresh, StartSpread: refresh / 2, Seed: 1,
		T1: 500 * time.Millisecond, TimerF: 32 * time.Second, // of RFC 3261: thousands of phones share this machine with the fleet
	})
	if err != nil {
		l.t.Fatal(err)
	}
	c.Start()
	l.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			l.t.Error(err)
		}
	})
	eventually(l.t, "the phones are registered at calgary", 3*refresh, func() bool { return c.Snapshot().Registered["calgary"] >= n*99/100 })
	return c
}
