package traces_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// trace is one fault as it was met.
type trace struct {
	name, about string
	steps       []step
	run         time.Duration
	expect      map[health.Check]time.Duration // checks that must be down, and how soon
	common      bool                           // and as a common cause
	allowed     fleet.SiteID                   // where down is neither right nor wrong
	tenants     []string                       // further ones, with a canary at each site
	tenant      string                         // is named in the end
}

// step changes the world at a moment.
type step struct {
	at    time.Duration
	site  fleet.SiteID
	words []string
}

// readTraces reads testdata.
func readTraces(t *testing.T) []trace {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatalf("traces: %q, %v", files, err)
	}
	var out []trace
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, parse(t, strings.TrimSuffix(filepath.Base(f), ".txt"), string(text)))
	}
	return out
}

func parse(t *testing.T, name, text string) trace {
	t.Helper()
	tr := trace{name: name, expect: map[health.Check]time.Duration{}}
	for n, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "#":
			tr.about = strings.TrimSpace(tr.about + " " + strings.TrimPrefix(line, "#"))
		case f[0] == "at" && len(f) >= 4:
			tr.steps = append(tr.steps, step{duration(t, f[1]), fleet.SiteID(f[2]), f[3:]})
		case f[0] == "run":
			tr.run = duration(t, f[1])
		case f[0] == "allow" && len(f) == 2:
			tr.allowed = fleet.SiteID(f[1])
		case f[0] == "canary" && len(f) == 2:
			tr.tenants = append(tr.tenants, f[1])
		case f[0] == "expect" && f[1] == "tenant" && len(f) == 3:
			tr.tenant = f[2]
		case f[0] == "expect" && f[1] == "common":
			tr.common = true
		case f[0] == "expect" && len(f) == 7:
			expectations(t, tr.expect, f)
		default:
			t.Fatalf("%s:%d: cannot read %q", name, n+1, line)
		}
	}
	return tr
}

// expectations reads: expect SITES KINDS TRANSPORTS down within DURATION.
func expectations(t *testing.T, into map[health.Check]time.Duration, f []string) {
	t.Helper()
	for _, c := range allChecks() {
		in := func(list, word string) bool { return slices.Contains(strings.Split(list, ","), word) }
		if in(f[1], string(c.Site)) && in(f[2], string(c.Kind)) && in(f[3], c.Transport.String()) {
			into[c] = duration(t, f[6])
		}
	}
	if len(into) == 0 {
		t.Fatalf("%v expects nothing", f)
	}
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func number(s string) float64 {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(fmt.Sprintf("trace: %q is no number", s))
	}
	return n
}

var sites = []fleet.SiteID{"calgary", "ottawa", "vancouver"}

// allChecks are those of three sites with one softswitch and a canary each.
func allChecks() []health.Check {
	var out []health.Check
	for _, s := range sites {
		for _, t := range []fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS} {
			target := health.Target{Site: s, Switch: fleet.SwitchID(s), Transport: t}
			out = append(out, health.Check{Target: target, Kind: health.Options}, health.Check{Target: target, Kind: health.Register})
			if t == fleet.TLS {
				out = append(out, health.Check{Target: target, Kind: health.TLS})
			}
		}
	}
	return out
}

// tenantChecks are the logins of further tenants at all sites.
func tenantChecks(tenants []string) []health.Check {
	var out []health.Check
	for _, c := range allChecks() {
		for _, name := range tenants {
			if c.Kind == health.Register {
				c.Kind = health.Register.Named(name)
				out = append(out, c)
				c.Kind = health.Register
			}
		}
	}
	return out
}
