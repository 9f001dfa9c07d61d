package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Bounds of a scenario.
const (
	maxPhones = 20_000_000
	maxLength = 31 * 24 * 3600 // seconds
	maxGroups = 200
	maxSites  = 64
)

// validator collects problems at their paths.
type validator struct {
	problems []fleet.Problem
	fleet    *fleet.Fleet // nil while only the file itself is looked at
	scenario *Scenario
}

func (v *validator) add(path, hint, format string, args ...any) {
	v.problems = append(v.problems, fleet.Problem{Path: path, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// Validate returns everything that is wrong with a scenario. Without a fleet
// the names of sites and services are not looked at.
func Validate(s Scenario, f *fleet.Fleet) []fleet.Problem {
	v := &validator{fleet: f, scenario: &s}
	if s.Format != Format {
		v.add("$.format", fmt.Sprintf("this program reads format %d", Format), "format %d is not known", s.Format)
		return v.problems
	}
	if strings.TrimSpace(s.Name) == "" {
		v.add("$.name", "one word for lists", "the scenario has no name")
	}
	if s.Length <= 0 || s.Length.D().Seconds() > maxLength {
		v.add("$.length", "such as 30m; 744h at most", "a length of %s cannot be played", s.Length)
	}
	if s.Fleet == "" {
		v.add("$.fleet", "fleet.yaml", "no fleet file is named")
	}
	if s.Network.Sites < 0 || s.Network.Phones < 0 {
		v.add("$.network", "", "a delay is not below zero")
	}
	if f != nil && len(f.Sites) > maxSites {
		v.add("$.fleet", "", "%d sites, at most %d are simulated", len(f.Sites), maxSites)
	}
	for i, c := range s.Canaries {
		if c != health.TLS && c != health.Register {
			v.add(fmt.Sprintf("$.canaries[%d]", i), "tls or register", "%q is no canary", c)
		}
	}
	v.resolvers()
	v.phones()
	v.faults()
	v.orders()
	v.expectations()
	return v.problems
}

func (v *validator) resolvers() {
	seen := map[string]bool{}
	for i, r := range v.scenario.Resolvers {
		path := fmt.Sprintf("$.resolvers[%d]", i)
		if r.Name == "" || seen[r.Name] {
			v.add(path+".name", "each group has a name of its own", "%q names no group, or two", r.Name)
		}
		seen[r.Name] = true
		if r.Count < 0 || r.Count > 100_000 {
			v.add(path+".count", "1 to 100000", "%d resolvers", r.Count)
		}
		if r.MinTTL < 0 {
			v.add(path+".min_ttl", "", "a TTL is not below zero")
		}
	}
}

func (v *validator) phones() {
	s := v.scenario
	if len(s.Phones) == 0 || len(s.Phones) > maxGroups {
		v.add("$.phones", "", "%d groups of phones; 1 to %d can be played", len(s.Phones), maxGroups)
	}
	total := 0
	seen := map[string]bool{}
	for i, p := range s.Phones {
		path := fmt.Sprintf("$.phones[%d]", i)
		if p.Name == "" || seen[p.Name] {
			v.add(path+".name", "each group has a name of its own", "%q names no group, or two", p.Name)
		}
		seen[p.Name] = true
		if _, ok := p.Kind.behaviour(); !ok {
			v.add(path+".kind", "one of "+words(Kinds()), "no kind of phone is called %q", p.Kind)
		}
		if p.Count < 1 || p.Count > maxPhones {
			v.add(path+".count", fmt.Sprintf("1 to %d", maxPhones), "%d phones", p.Count)
		}
		total += max(0, p.Count)
		if !p.Transport.Valid() {
			v.add(path+".transport", "one of udp, tcp, tls, ws, wss", "no transport is named")
		}
		if p.Tenants < 0 || p.Tenants > maxTenants {
			v.add(path+".tenants", fmt.Sprintf("1 to %d", maxTenants), "%d tenants", p.Tenants)
		}
		if p.Register < 0 || p.Calls < 0 || p.CallLength < 0 {
			v.add(path, "", "a time or number is below zero")
		}
		if p.Resolvers != "" && !slices.ContainsFunc(s.Resolvers, func(r Resolvers) bool { return r.Name == p.Resolvers }) {
			v.add(path+".resolvers", "", "no resolvers are called %q", p.Resolvers)
		}
		if (p.Kind == KindPinned) != (p.Site != "") {
			v.add(path+".site", "", "a pinned device names its site, and only that kind does")
		}
		v.site(path+".site", p.Site)
		v.service(path+".service", p.Service, p.Transport)
	}
	if total > maxPhones {
		v.add("$.phones", "", "%d phones, at most %d can be played", total, maxPhones)
	}
}

func (v *validator) faults() {
	for i, x := range v.scenario.Faults {
		path := fmt.Sprintf("$.faults[%d]", i)
		v.time(path+".at", x.At)
		if x.For < 0 {
			v.add(path+".for", "", "a time is not below zero")
		}
		switch {
		case !slices.Contains(FaultKinds(), x.Fault):
			v.add(path+".fault", "one of "+words(FaultKinds()), "no fault is called %q", x.Fault)
		case x.Fault.followsPhones() && !v.group(x.Phones):
			v.add(path+".phones", "the name of a group of phones", "%s follows no group: %q", x.Fault, x.Phones)
		case x.Fault.followsPhones() && x.Site != "":
			v.add(path+".site", "", "%s follows its phones and has no site", x.Fault)
		case x.Fault == FaultFlood && x.Rate < 1:
			v.add(path+".rate", "requests per second", "a flood needs its rate")
		case !x.Fault.followsPhones() && x.Site == "":
			v.add(path+".site", "", "%s is at no site", x.Fault)
		}
		v.site(path+".site", x.Site)
	}
}

func (v *validator) group(name string) bool {
	return slices.ContainsFunc(v.scenario.Phones, func(p Phones) bool { return p.Name == name })
}

// orderKinds are the commands that a scenario may give.
var orderKinds = []steer.Kind{
	steer.KindDrain, steer.KindUndrain, steer.KindFailover, steer.KindFailback, steer.KindApprove, steer.KindHold, steer.KindRelease, steer.KindAck,
	steer.KindSilence, steer.KindUnsilence,
}

func (v *validator) orders() {
	for i, o := range v.scenario.Operators {
		path := fmt.Sprintf("$.operators[%d]", i)
		v.time(path+".at", o.At)
		if !slices.Contains(orderKinds, steer.Kind(o.Do)) {
			v.add(path+".do", "one of "+words(orderKinds), "no command is called %q", o.Do)
		}
		if o.Cohort != "" {
			if _, err := fleet.ParseCohort(o.Cohort); err != nil {
				v.add(path+".cohort", "5%, or 0-4,17", "%v", err)
			}
		}
		if o.For < 0 || o.For > fleet.Duration(fleet.MaxForLimit) {
			v.add(path+".for", "for example 2h", "%s is no time between nothing and %s", o.For, fleet.MaxForLimit)
		}
		if !o.Pace.Valid() {
			v.add(path+".pace", "weights or cohorts", "no pace is called %q", o.Pace)
		}
		v.site(path+".site", o.Site)
		v.service(path+".service", o.Service, 0)
	}
}

func (v *validator) expectations() {
	for i, e := range v.scenario.Expect {
		path := fmt.Sprintf("$.expect[%d]", i)
		v.time(path+".at", e.At)
		if strings.TrimSpace(e.Say) == "" {
			v.add(path+".say", "a sentence", "the expectation says nothing")
		}
		switch e.What {
		case MeasureServed, MeasureKeeps:
			if e.Share < 1 || e.Share > 100 {
				v.add(path+".share", "1 to 100", "%s needs a share", e.What)
			}
		case MeasureIn, MeasureOut:
			if e.Site == "" {
				v.add(path+".site", "", "%s needs a site", e.What)
			}
		case MeasureMoves:
			if e.Most == nil || *e.Most < 0 {
				v.add(path+".most", "most: 1", "moves needs a limit")
			}
		case MeasureAdvice, MeasureRefused:
			if !slices.ContainsFunc(steer.RuleDocs(), func(d steer.RuleDoc) bool { return string(d.Rule) == e.Rule }) {
				v.add(path+".rule", "the name of a guard", "no guard is called %q", e.Rule)
			}
		default:
			v.add(path+".what", "served, keeps, in, out, moves, advice or refused", "%q is not measured", e.What)
		}
		for j, p := range e.Phones {
			if _, kind := Kind(p).behaviour(); !kind && !v.group(p) {
				v.add(fmt.Sprintf("%s.phones[%d]", path, j), "", "no group or kind of phones is called %q", p)
			}
		}
		v.site(path+".site", e.Site)
		v.service(path+".service", e.Service, e.Transport)
	}
}

func (v *validator) time(path string, d fleet.Duration) {
	if d < 0 || d > v.scenario.Length {
		v.add(path, "between 0s and "+v.scenario.Length.String(), "%s is outside the scenario", d)
	}
}

func (v *validator) site(path string, id fleet.SiteID) {
	if v.fleet != nil && id != "" && v.fleet.Site(id) == nil {
		v.add(path, "", "the fleet has no site %q", id)
	}
}

func (v *validator) service(path string, id fleet.ServiceID, t fleet.Transport) {
	if v.fleet == nil || id == "" {
		return
	}
	svc := v.fleet.Service(fullName(v.fleet, id))
	switch {
	case svc == nil:
		v.add(path, "", "the fleet has no service %q", id)
	case t.Valid() && !slices.Contains(svc.Transports, t):
		v.add(path, "", "%s is not offered over %s", id, t)
	}
}

// fullName adds the zone to a service's name that has none.
func fullName(f *fleet.Fleet, id fleet.ServiceID) fleet.ServiceID {
	if id == "" || strings.Contains(string(id), ".") {
		return id
	}
	return id + "." + fleet.ServiceID(f.Zone)
}

func words[T ~string](list []T) string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return strings.Join(out, ", ")
}

// WithDefaults returns s with every unset setting at its default.
func (s Scenario) WithDefaults(f *fleet.Fleet) Scenario {
	def := func(d *fleet.Duration, v fleet.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if s.Seed == 0 {
		s.Seed = 1
	}
	def(&s.Network.Sites, 15e6)
	def(&s.Network.Phones, 20e6)
	if s.Canaries == nil {
		s.Canaries = []health.Kind{health.TLS}
	}
	if len(s.Resolvers) == 0 {
		s.Resolvers = []Resolvers{{Name: "default"}}
	}
	s.Resolvers = slices.Clone(s.Resolvers)
	for i := range s.Resolvers {
		if s.Resolvers[i].Count == 0 {
			s.Resolvers[i].Count = 20
		}
	}
	s.Phones = slices.Clone(s.Phones)
	for i := range s.Phones {
		p := &s.Phones[i]
		def(&p.Register, f.Policy.RegistrationPeriod)
		def(&p.CallLength, 180e9)
		p.Service = fullName(f, p.Service)
		if p.Resolvers == "" {
			p.Resolvers = s.Resolvers[0].Name
		}
	}
	return s
}
