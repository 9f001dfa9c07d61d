package health

import (
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// loginAt is what is believed of the login of a tenant at a site.
func loginAt(site fleet.SiteID, tenant string, status Status) Verdict {
	kind := Register
	if tenant != "first" {
		kind = Register.Named(tenant)
	}
	v := Verdict{Check: Check{Target: Target{site, fleet.SwitchID(site) + "1", fleet.UDP}, Kind: kind}, Status: status, Since: t0}
	if status == Down {
		v.Cause, v.Detail = CauseAuth, "a right password is refused"
	}
	return v
}

func tenantName(c Check) string {
	if _, name, named := strings.Cut(string(c.Kind), ":"); named {
		return name
	}
	return "first"
}

func believed(verdicts ...Verdict) func(Check) Verdict {
	return func(c Check) Verdict {
		if i := slices.IndexFunc(verdicts, func(v Verdict) bool { return v.Check == c }); i >= 0 {
			return verdicts[i]
		}
		return Verdict{Check: c}
	}
}

// TestAcquitSites: a tenant is told from a site, by who else can log in there.
func TestAcquitSites(t *testing.T) {
	acquitted := loginAt("ottawa", "acme", Up)
	acquitted.Cause = CauseTenant
	for _, c := range []struct {
		name   string
		before []Verdict
		seen   []Verdict
		down   string // sites and tenants that stay down
		says   string
	}{
		{"one tenant at two sites, another one can", nil, []Verdict{
			loginAt("calgary", "first", Up), loginAt("calgary", "acme", Down), loginAt("ottawa", "first", Up), loginAt("ottawa", "acme", Down),
		}, "", "tenant acme cannot log in at calgary and ottawa, others can: it is the tenant, not the sites (a right password is refused)"},
		{"the first tenant as well as any", nil, []Verdict{
			loginAt("calgary", "first", Down), loginAt("calgary", "acme", Up), loginAt("ottawa", "first", Down), loginAt("ottawa", "acme", Up),
		}, "", "tenant first cannot log in at calgary and ottawa, others can: it is the tenant, not the sites (a right password is refused)"},
		{"one of two at one site: it may be the site", nil, []Verdict{
			loginAt("calgary", "first", Up), loginAt("calgary", "acme", Down), loginAt("ottawa", "first", Up), loginAt("ottawa", "acme", Up),
		}, "calgary/acme ", ""},
		{"one of three at one site: it is not", nil, []Verdict{
			loginAt("calgary", "first", Up), loginAt("calgary", "acme", Down), loginAt("calgary", "zenith", Up),
		}, "", "tenant acme cannot log in at calgary, 2 of 2 others can: it is not the site (a right password is refused)"},
		{"two of three at one site", nil, []Verdict{
			loginAt("calgary", "first", Down), loginAt("calgary", "acme", Down), loginAt("calgary", "zenith", Up),
		}, "calgary/acme calgary/first ", ""},
		{"all tenants everywhere: the common cause is not a tenant", nil, []Verdict{
			loginAt("calgary", "first", Down), loginAt("calgary", "acme", Down), loginAt("ottawa", "first", Down), loginAt("ottawa", "acme", Down),
		}, "calgary/acme calgary/first ottawa/acme ottawa/first ", ""},
		{"a tenant everywhere, and a site where nobody can", nil, []Verdict{
			loginAt("calgary", "first", Down), loginAt("calgary", "acme", Down), loginAt("ottawa", "first", Up), loginAt("ottawa", "acme", Down),
		}, "calgary/acme calgary/first ", "tenant acme cannot log in at calgary and ottawa, others can: it is the tenant, not the sites (a right password is refused)"},
		{"mended at one site before the other", []Verdict{acquitted}, []Verdict{
			loginAt("calgary", "first", Up), loginAt("calgary", "acme", Up), loginAt("ottawa", "first", Up), loginAt("ottawa", "acme", Down),
		}, "", "tenant acme cannot log in at ottawa yet, others can (a right password is refused)"},
		{"nobody knows of the others", nil, []Verdict{
			loginAt("calgary", "first", Unknown), loginAt("calgary", "acme", Down), loginAt("ottawa", "first", Unknown), loginAt("ottawa", "acme", Down),
		}, "calgary/acme ottawa/acme ", ""},
		{"one canary alone", nil, []Verdict{loginAt("calgary", "first", Down), loginAt("ottawa", "first", Up)}, "calgary/first ", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			down, says := "", ""
			for _, v := range AcquitSites(believed(c.before...), slices.Clone(c.seen), tenantName, t0.Add(time.Minute)) {
				if v.Status == Down {
					down += fmt.Sprintf("%s/%s ", v.Check.Site, tenantName(v.Check))
				}
				if v.Cause == CauseTenant {
					says = v.Detail
				}
			}
			words := strings.Fields(down)
			slices.Sort(words)
			if down = strings.Join(append(words, ""), " "); down != c.down || says != c.says {
				t.Errorf("down %q, want %q; says %q, want %q", down, c.down, says, c.says)
			}
		})
	}
}

// TestAcquittalProperties: whatever is seen, nothing becomes worse, nobody is
// acquitted alone, what is no login and one canary alone are left as they are, and
// the order of the verdicts is nothing.
func TestAcquittalProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tenants := []string{"first", "acme", "zenith"}[:rapid.IntRange(1, 3).Draw(t, "tenants")]
		var seen, before []Verdict
		for _, site := range []fleet.SiteID{"calgary", "ottawa", "vancouver"} {
			for _, tenant := range tenants {
				draw := func(what string) Verdict {
					return loginAt(site, tenant, rapid.SampledFrom([]Status{Unknown, Up, Down}).Draw(t, what))
				}
				seen = append(seen, draw("seen"))
				p := draw("before")
				if p.Status == Up && rapid.Bool().Draw(t, "acquitted") {
					p.Cause = CauseTenant
				}
				before = append(before, p)
			}
			other := seen[len(seen)-1]
			other.Check.Kind = Options
			seen = append(seen, other)
		}
		now := t0.Add(time.Hour)
		got := AcquitSites(believed(before...), slices.Clone(seen), tenantName, now)
		for i, v := range got {
			was := seen[i]
			if reflect.DeepEqual(v, was) {
				continue
			}
			if len(tenants) == 1 || was.Check.Kind == Options || was.Status != Down || v.Status != Up || v.Cause != CauseTenant {
				t.Fatalf("%+v became %+v", was, v)
			}
			if prev := believed(before...)(v.Check); prev.Status == Up && v.Since != prev.Since || prev.Status != Up && v.Since != now {
				t.Fatalf("since %s, before %+v", v.Since, prev)
			}
			if !slices.ContainsFunc(seen, func(o Verdict) bool {
				return o.Check.Target == v.Check.Target && o.Check.Kind.Base() == Register && o.Status == Up
			}) {
				t.Fatalf("acquitted where nobody can log in: %+v", v)
			}
		}
		turned := slices.Clone(seen)
		rand.New(rand.NewSource(int64(rapid.Int32().Draw(t, "order")))).Shuffle(len(turned), func(i, j int) { turned[i], turned[j] = turned[j], turned[i] })
		other := AcquitSites(believed(before...), turned, tenantName, now)
		byCheck := func(a, b Verdict) int { return a.Check.Compare(b.Check) }
		slices.SortFunc(got, byCheck)
		slices.SortFunc(other, byCheck)
		if !reflect.DeepEqual(got, other) {
			t.Fatalf("in another order:\n%+v\n%+v", got, other)
		}
	})
}
