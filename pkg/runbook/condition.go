package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Facts are what conditions are asked of.
type Facts struct {
	State steer.State
	// Left and Stragglers are what the gates say, by site. A site
	// whose gate could not be asked is not in them.
	Left, Stragglers map[fleet.SiteID]int
	// Parts are the registrations of Left by whom they are of.
	Parts map[fleet.SiteID][]Part
	// Empty is when the gates expect the last registration to leave, by site;
	// used for forecasts alone.
	Empty map[fleet.SiteID]time.Time
	// Behind is how many agents do not answer the epoch in force yet, those
	// that cannot be reached included.
	Behind int
}

// Part is how many registrations of a service are left at a site in one bucket of
// its tenants; fleet.OwnName has the devices that register at the service's name.
type Part struct {
	Service fleet.ServiceID
	Bucket  int
	Left    int
}

// Word is a function that conditions may use.
type Word struct{ Form, Says string }

// Words lists them.
func Words() []Word {
	return []Word{
		{`up(SITE, TRANSPORT)`, "the checks say that the transport works there"},
		{`well(SITE)`, "every transport of the site is up"},
		{`all_well()`, "every transport of every site is up"},
		{`others_well(SITE)`, "every transport of every other site is up"},
		{`answers(SITE)`, "the site is in the answer of at least one service"},
		{`share(SITE)`, "per cent of its traffic that the site takes: 100, a failback's step, or 0"},
		{`share(SITE, SERVICE)`, "the same of one service"},
		{`share(SITE, SERVICE, COHORT)`, `the same of these tenants, with "" for all services`},
		{`stage(SITE)`, `stage of the site's drain: "none", "announce", "register", "refuse", "done"`},
		{`gate(SITE)`, `what its gate does: "open", "draining", "closed"`},
		{`sites_up(SERVICE)`, "how many sites in the answers of the service are up, over its worst transport"},
		{`left(SITE)`, "registrations that are still to move, as its gate counts them"},
		{`left(SITE, SERVICE)`, "the same of one service"},
		{`left(SITE, SERVICE, COHORT)`, `the same of these tenants, with "" for all services`},
		{`tenants(SERVICE, COHORT)`, `how many tenants there are, with "" for all`},
		{`stragglers(SITE)`, "devices that come to a drained site after every old answer has run out"},
		{`behind()`, "agents that do not answer the decision in force yet"},
		{`held()`, "automation is held for the whole fleet"},
		{`incidents()`, "how many incidents are open"},
	}
}

// compile checks a condition: its words, its types, its size. It must say yes
// or no.
func compile(text string) (*vm.Program, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("it has more than %d octets", maxText)
	}
	p, err := expr.Compile(text, expr.Env(environment(nil)), expr.AsBool(), expr.DisableAllBuiltins(), expr.MaxNodes(200))
	if err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n") // what follows is a drawing
		return nil, fmt.Errorf("%s", line)
	}
	for _, c := range callsOf(p) {
		if err := c.narrowed(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// True reports whether a condition is true now. An empty one is.
func True(text string, f *Facts) (bool, error) {
	if text == "" {
		return true, nil
	}
	p, err := compile(text)
	if err != nil {
		return false, fmt.Errorf("condition %q: %w", text, err)
	}
	out, err := expr.Run(p, environment(f))
	if err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return false, fmt.Errorf("condition %q: %s", text, line)
	}
	yes, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("condition %q: says neither yes nor no", text)
	}
	return yes, nil
}

// environment is what the words mean. f is nil while a condition is compiled.
func environment(f *Facts) map[string]any {
	return map[string]any{
		"up": func(site, transport string) (bool, error) {
			t, err := fleet.ParseTransport(transport)
			if err != nil {
				return false, err
			}
			if _, err := f.site(site); err != nil {
				return false, err
			}
			return f.State.SiteStatus(fleet.SiteID(site), t) == health.Up, nil
		},
		"well":        f.well,
		"all_well":    func() (bool, error) { return f.othersWell("") },
		"others_well": f.othersWell,
		"answers":     func(site string) (bool, error) { n, err := f.share(site); return n > 0, err },
		"share":       f.share,
		"stage":       f.stage,
		"gate":        f.gate,
		"sites_up":    f.sitesUp,
		"left":        f.left,
		"tenants":     f.tenants,
		"stragglers":  func(site string) (int, error) { return f.counted("stragglers", f.Stragglers, site) },
		"behind":      func() int { return f.Behind },
		"incidents": func() int {
			n := 0
			for i := range f.State.Incidents {
				if f.State.Incidents[i].Open() {
					n++
				}
			}
			return n
		},
		"held": func() bool {
			return slices.ContainsFunc(f.State.Holds, func(h steer.Hold) bool { return h.Service == "" })
		},
	}
}

func (f *Facts) site(id string) (*fleet.Site, error) {
	if f.State.Fleet == nil {
		return nil, fmt.Errorf("no fleet is set")
	}
	s := f.State.Fleet.Site(fleet.SiteID(id))
	if s == nil {
		return nil, fmt.Errorf("no site is called %q (one of %s)", id, words(f.State.Fleet.SiteIDs()))
	}
	return s, nil
}

func (f *Facts) well(site string) (bool, error) {
	s, err := f.site(site)
	if err != nil {
		return false, err
	}
	for _, t := range s.Transports() {
		if f.State.SiteStatus(s.Name, t) != health.Up {
			return false, nil
		}
	}
	return true, nil
}

// othersWell looks at every site but one.
func (f *Facts) othersWell(but string) (bool, error) {
	if f.State.Fleet == nil {
		return false, fmt.Errorf("no fleet is set")
	}
	for _, id := range f.State.Fleet.SiteIDs() {
		if string(id) == but {
			continue
		}
		if yes, err := f.well(string(id)); err != nil || !yes {
			return false, err
		}
	}
	return true, nil
}

func (f *Facts) stage(site string) (string, error) {
	s, err := f.site(site)
	if err != nil {
		return "", err
	}
	worst := steer.DrainStage(0)
	for _, d := range f.State.Drains {
		if d.Site == s.Name && (worst == 0 || d.Stage < worst) {
			worst = d.Stage
		}
	}
	if worst == 0 {
		return "none", nil
	}
	return worst.String(), nil
}

func (f *Facts) gate(site string) (string, error) {
	s, err := f.site(site)
	if err != nil {
		return "", err
	}
	return steer.GateStates(f.State)[s.Name].Mode().String(), nil
}

func (f *Facts) sitesUp(service string) (int, error) {
	if f.State.Fleet == nil {
		return 0, fmt.Errorf("no fleet is set")
	}
	svc := f.State.Fleet.Service(fleet.ServiceID(serviceName(service, f.State.Fleet)))
	if svc == nil {
		return 0, fmt.Errorf("no service is called %q", service)
	}
	least := len(svc.Sites)
	for _, t := range svc.Transports {
		n := 0
		for _, st := range steer.Standings(f.State) {
			if st.Service == svc.Name && st.Transport == t && st.Place == steer.In && st.Status == health.Up {
				n++
			}
		}
		least = min(least, n)
	}
	return least, nil
}

// counted is what a gate says; not to know it is no zero.
func (f *Facts) counted(what string, m map[fleet.SiteID]int, site string) (int, error) {
	s, err := f.site(site)
	if err != nil {
		return 0, err
	}
	n, ok := m[s.Name]
	if !ok {
		return 0, fmt.Errorf("%s at %s are not known: its gate cannot be asked", what, site)
	}
	return n, nil
}
