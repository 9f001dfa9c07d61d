package agent

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/metrics"
)

// TestAbnormalTrafficIsNamed: three weeks of a gate, then one family of devices
// registers ten times as often as it used to.
func TestAbnormalTrafficIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTraffic("calgary", metrics.New(metrics.Config{}), byDefault)
		goes := func(register, acme float64) gate.Live {
			return gate.Live{Methods: []gate.Rate{{Name: "REGISTER", PerSecond: register}, {Name: "BYE", PerSecond: 1}}, Agents: []gate.Rate{{Name: "Acme/2", PerSecond: acme}, {Name: "odd\x1b[2J\xff", PerSecond: 9}}}
		}
		bad := func() (out []string) {
			for _, o := range tr.said() {
				if o.Status == health.Down {
					out = append(out, o.Check.String()+": "+o.Detail)
				}
			}
			return out
		}
		tr.look(goes(400, 390), time.Now())
		if got := bad(); got != nil {
			t.Errorf("while nothing is learnt: %q", got)
		}
		for range 3*7*24*60 + 120 {
			tr.look(goes(40, 30), time.Now())
			time.Sleep(time.Minute)
		}
		if got := bad(); got != nil {
			t.Errorf("on a usual day: %q", got)
		}
		for range 7 { // more than half of the window
			tr.look(goes(400, 390), time.Now())
			time.Sleep(trafficPeriod)
		}
		got := strings.Join(bad(), "\n")
		for _, want := range []string{
			"calgary/gate/udp/traffic:device Acme/2: device Acme/2 is 390, abnormally high: 30 is usual on Sat 02:01 UTC, the limit is 90, in a second",
			"traffic:method REGISTER: method REGISTER is 400, abnormally high: 40 is usual",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s\nwant %s", got, want)
			}
		}
		for range 14 {
			tr.look(goes(40, 30), time.Now())
			time.Sleep(trafficPeriod)
		}
		for _, r := range tr.numbers.Readings() { // become labels of metrics
			if strings.ContainsRune(r.Number, 0x1b) || !utf8.ValidString(r.Number) {
				t.Errorf("%q", r.Number)
			}
		}
		if got := bad(); got != nil {
			t.Errorf("after it is over: %q", got)
		}
		tr.look(gate.Live{Offenders: []gate.Offender{
			{Source: netip.MustParseAddr("192.0.2.7"), Dropped: 5312, First: time.Now(), Last: time.Now()},
			{Source: netip.MustParseAddr("192.0.2.8"), Dropped: 9, Last: time.Now().Add(-time.Hour)},
		}}, time.Now())
		if got := bad(); len(got) != 1 || !strings.Contains(got[0], "192.0.2.7 sends more than one source may: 5312 requests dropped") {
			t.Errorf("%q", got)
		}
		tr.look(gate.Live{}, time.Now())
		if said := tr.said(); len(said) != 1 || said[0].Status != health.Up {
			t.Errorf("it is not said that the source is quiet again: %+v", said)
		}
	})
}
