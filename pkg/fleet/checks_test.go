package fleet_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
)

func extra(e fleet.Extra) func(c *fleet.Checks) {
	return func(c *fleet.Checks) { c.Extra = []fleet.Extra{e} }
}

func seconds(n float64) fleet.Duration { return fleet.Duration(n * float64(time.Second)) }

func TestSettingsOfOneKind(t *testing.T) {
	c := fleet.Checks{Kinds: []fleet.CheckTimes{{Kind: "tls", Interval: seconds(60), Fall: 5}}}.WithDefaults()
	for _, tt := range []struct {
		kind              string
		interval, timeout fleet.Duration
		fall, reset, rise int
	}{
		{"options", seconds(5), seconds(2), 3, 6, 12},
		{"tls", seconds(60), seconds(2), 5, 6, 12},
		{"register", seconds(15), seconds(2), 3, 6, 12},
	} {
		got := c.Of(tt.kind)
		if got.Interval != tt.interval || got.Timeout != tt.timeout || got.Fall != tt.fall || got.Reset != tt.reset || got.Rise != tt.rise {
			t.Errorf("%s: %+v, want %+v", tt.kind, got, tt)
		}
	}
	// A quick kind does not inherit a timeout that is longer than its interval.
	quick := fleet.Checks{Kinds: []fleet.CheckTimes{{Kind: "options", Interval: seconds(1)}}}.WithDefaults()
	if got := quick.Of("options"); got.Timeout != seconds(1) {
		t.Errorf("timeout %s", got.Timeout)
	}
}

func TestWhichCanaryLogsIn(t *testing.T) {
	c := fleet.Checks{Canaries: []fleet.Canary{
		{User: "everywhere", Transports: []fleet.Transport{fleet.UDP, fleet.TCP}},
		{User: "calgary", Site: "calgary"},
	}}
	for _, tt := range []struct {
		site      fleet.SiteID
		transport fleet.Transport
		want      string
	}{
		{"calgary", fleet.UDP, "calgary"},
		{"calgary", fleet.TLS, "calgary"},
		{"ottawa", fleet.UDP, "everywhere"},
		{"ottawa", fleet.TLS, ""},
		{"calgary", fleet.WS, "calgary"},
	} {
		got := ""
		if k := c.Canary(tt.site, tt.transport); k != nil {
			got = k.User
		}
		if got != tt.want {
			t.Errorf("%s over %s: %q, want %q", tt.site, tt.transport, got, tt.want)
		}
	}
}

// TestHoldDownHasALongestTime: whatever the interval of a check.
func TestHoldDownHasALongestTime(t *testing.T) {
	c := fleet.Checks{}.WithDefaults()
	if c.Of("options").Hold() != 360 || c.Of("register").Hold() != 120 || c.Of("register:acme.example").Hold() != 120 {
		t.Errorf("30m: options %d, register %d", c.Of("options").Hold(), c.Of("register").Hold())
	}
	c.MaxHold = fleet.Duration(time.Minute)
	e := fleet.Extra{Name: "a", Kind: "certificates", Interval: fleet.Duration(time.Hour)}
	if c.Of("options").Hold() != 12 || e.Times(c).Hold() != 1 {
		t.Errorf("1m: options %d, once an hour %d", c.Of("options").Hold(), e.Times(c).Hold())
	}
	c.MaxHold = 0 // a fleet that was stored before there was one
	if c.Of("options").Hold() != 360 {
		t.Errorf("unset: %d", c.Of("options").Hold())
	}
}

// TestOneCanaryOfEachDomainLogsIn: those of the site first.
func TestOneCanaryOfEachDomainLogsIn(t *testing.T) {
	c := fleet.Checks{Canaries: []fleet.Canary{
		{User: "all"},
		{User: "twice"},
		{User: "acme", Domain: "acme.example"},
		{User: "other", Domain: "acme.example"},
		{User: "here", Site: "calgary"},
		{User: "tls", Domain: "t.example", Transports: []fleet.Transport{fleet.TLS}},
	}}
	for site, want := range map[fleet.SiteID]string{"calgary": "here acme ", "ottawa": "all acme "} {
		got := ""
		for _, k := range c.CanariesAt(site, fleet.UDP) {
			got += k.User + " "
		}
		if got != want {
			t.Errorf("%s: %q, want %q", site, got, want)
		}
	}
}

func numbers(source string, n ...fleet.Number) fleet.Extra {
	return fleet.Extra{Name: "a", Kind: "metrics", Port: 1, Source: source, Numbers: n}
}

// callTo adds a call and a subscriber who calls.
func callTo(e fleet.Extra) func(*fleet.Checks) {
	return func(c *fleet.Checks) {
		e.Name, e.Kind = "a", "call"
		c.Canaries, c.Extra = []fleet.Canary{{User: "a", Secret: "a"}}, []fleet.Extra{e}
	}
}

func TestChecksThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(c *fleet.Checks)
		path   string
	}{
		{"no such kind", func(c *fleet.Checks) { c.Kinds = []fleet.CheckTimes{{Kind: "pray"}} }, "$.checks.kinds[0].kind"},
		{"twice", func(c *fleet.Checks) { c.Kinds = []fleet.CheckTimes{{Kind: "tls"}, {Kind: "tls"}} }, "$.checks.kinds[1].kind"},
		{"options off", func(c *fleet.Checks) { c.Kinds = []fleet.CheckTimes{{Kind: "options", Off: true}} }, "$.checks.kinds[0].off"},
		{"timeout above the interval", func(c *fleet.Checks) {
			c.Kinds = []fleet.CheckTimes{{Kind: "tls", Interval: seconds(1), Timeout: seconds(2)}}
		}, "$.checks.kinds[0].timeout"},
		{"too often", func(c *fleet.Checks) { c.Kinds = []fleet.CheckTimes{{Kind: "tls", Interval: 1}} }, "$.checks.kinds[0].interval"},
		{"below zero", func(c *fleet.Checks) { c.Kinds = []fleet.CheckTimes{{Kind: "tls", Fall: -1}} }, "$.checks.kinds[0].fall"},
		{"no such site", func(c *fleet.Checks) { c.Canaries = []fleet.Canary{{Site: "paris", User: "a", Secret: "a"}} }, "$.checks.canaries[0].site"},
		{"no user", func(c *fleet.Checks) { c.Canaries = []fleet.Canary{{Secret: "a"}} }, "$.checks.canaries[0].user"},
		{"user that breaks a header", func(c *fleet.Checks) { c.Canaries = []fleet.Canary{{User: "a\r\nb: c", Secret: "a"}} }, "$.checks.canaries[0].user"},
		{"secret that leads elsewhere", func(c *fleet.Checks) { c.Canaries = []fleet.Canary{{User: "a", Secret: "../../etc/shadow"}} }, "$.checks.canaries[0].secret"},
		{"extra without what it needs", extra(fleet.Extra{Name: "a", Kind: "storage"}), "$.checks.extra[0].directory"},
		{"extra with what it does not know", extra(fleet.Extra{Name: "a", Kind: "tcp", Port: 1, Path: "/"}), "$.checks.extra[0].path"},
		{"extra of no kind", extra(fleet.Extra{Name: "a", Kind: "ping"}), "$.checks.extra[0].kind"},
		{"extra of no softswitch", extra(fleet.Extra{Name: "a", Kind: "tcp", Port: 1, Softswitches: []fleet.SwitchID{"x"}}), "$.checks.extra[0].softswitches[0]"},
		{"extra that runs a path", extra(fleet.Extra{Name: "a", Kind: "exec", Run: "/bin/rm"}), "$.checks.extra[0].run"},
		{"extra with a path that breaks a line", extra(fleet.Extra{Name: "a", Kind: "http", Path: "/ HTTP/1.1\r\nX: y"}), "$.checks.extra[0].path"},
		{"name servers that steer", extra(fleet.Extra{Name: "a", Kind: "dns", Question: "_sip._udp.west", Steers: true}), "$.checks.extra[0].steers"},
		{"a resolver that is none", extra(fleet.Extra{Name: "a", Kind: "dns", Question: "a.b", Resolvers: []netip.Addr{netip.IPv4Unspecified()}}), "$.checks.extra[0].resolvers[0]"},
		{"a resolver twice", extra(fleet.Extra{Name: "a", Kind: "dns", Question: "a.b", Resolvers: []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("192.0.2.53")}}), "$.checks.extra[0].resolvers[1]"},
		{"resolvers over http", extra(fleet.Extra{Name: "a", Kind: "http", Resolvers: []netip.Addr{netip.MustParseAddr("192.0.2.53")}}), "$.checks.extra[0].resolvers"},
		{"transports that say nothing", extra(fleet.Extra{Name: "a", Kind: "tcp", Port: 1, Transports: []fleet.Transport{fleet.UDP}}), "$.checks.extra[0].transports"},
		{"slower than the timeout", extra(fleet.Extra{Name: "a", Kind: "storage", Directory: "d", Slow: seconds(9)}), "$.checks.extra[0].slow"},
		{"numbers from nowhere", extra(numbers("smoke signals", fleet.Number{Name: "a", Metric: "m", Usual: "low"})), "$.checks.extra[0].source"},
		{"numbers that are never wrong", extra(numbers("json", fleet.Number{Name: "a", Metric: "m"})), "$.checks.extra[0].numbers[0]"},
		{"a number twice", extra(numbers("json", fleet.Number{Name: "a", Metric: "m", Usual: "low"}, fleet.Number{Name: "a", Metric: "m", Usual: "low"})), "$.checks.extra[0].numbers[1].name"},
		{"a number without a metric", extra(numbers("json", fleet.Number{Name: "a", Usual: "low"})), "$.checks.extra[0].numbers[0].metric"},
		{"the unusual steers", func(c *fleet.Checks) {
			e := numbers("json", fleet.Number{Name: "a", Metric: "m", Usual: "low"})
			e.Steers = true
			c.Extra = []fleet.Extra{e}
		}, "$.checks.extra[0].numbers[0].usual"},
		{"a command that acts", func(c *fleet.Checks) {
			e := numbers("freeswitch", fleet.Number{Name: "a", Metric: "hupall", Usual: "low"})
			e.Secret = "esl"
			c.Extra = []fleet.Extra{e}
		}, "$.checks.extra[0].numbers[0].metric"},
		{"an event socket without a password", extra(numbers("freeswitch", fleet.Number{Name: "a", Metric: "status", Usual: "low"})), "$.checks.extra[0].secret"},
		{"one customer's certificate steers", extra(fleet.Extra{Name: "a", Kind: "certificates", Steers: true}), "$.checks.extra[0].steers"},
		{"a cycle of nothing", extra(fleet.Extra{Name: "a", Kind: "certificates", Cycle: seconds(1)}), "$.checks.extra[0].cycle"},
		{"a call to nobody", callTo(fleet.Extra{}), "$.checks.extra[0].to"},
		{"a call to a header", callTo(fleet.Extra{To: "9196>\r\nX: y"}), "$.checks.extra[0].to"},
		{"a call to no site", callTo(fleet.Extra{ToSite: "paris"}), "$.checks.extra[0].to_site"},
		{"calls all the time", callTo(fleet.Extra{To: "9196", Interval: seconds(5), Timeout: seconds(5)}), "$.checks.extra[0].interval"},
		{"a call that talks too long", callTo(fleet.Extra{To: "9196", Talk: seconds(6)}), "$.checks.extra[0].talk"},
		{"a call with music", callTo(fleet.Extra{To: "9196", Audio: "music"}), "$.checks.extra[0].audio"},
		{"a call from nobody", extra(fleet.Extra{Name: "a", Kind: "call", To: "9196"}), "$.checks.extra[0]"},
		{"extra twice", func(c *fleet.Checks) {
			e := fleet.Extra{Name: "a", Kind: "tcp", Port: 1}
			c.Extra = []fleet.Extra{e, e}
		}, "$.checks.extra[1].name"},
		{"a login over nothing", func(c *fleet.Checks) {
			c.Canaries = []fleet.Canary{{User: "a", Secret: "a", Transports: []fleet.Transport{9}}}
		}, "$.checks.canaries[0].transports[0]"},
	} {
		f := fleettest.ThreeSites()
		tt.change(&f.Checks)
		problems := fleet.Validate(f)
		if len(problems) != 1 || problems[0].Path != tt.path || strings.TrimSpace(problems[0].Hint) == "" {
			t.Errorf("%s: %+v, want one at %s", tt.name, problems, tt.path)
		}
	}
}
