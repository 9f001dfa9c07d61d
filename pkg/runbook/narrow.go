package runbook

import (
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// narrow is what share and left may be about: a service and a cohort; empty
// means all.
type narrow struct {
	service fleet.ServiceID
	cohort  fleet.Cohort
}

func (n narrow) all() bool { return n == narrow{} }

// stand is what stands for a blank while a condition is checked.
const stand = "x"

// narrowed checks how many names a word is given, and a cohort that is written out.
func (c call) narrowed() error {
	most, at := map[string]int{"share": 3, "left": 3}[c.word], 2
	if c.word == "tenants" {
		most, at = 2, 1
	}
	switch {
	case most == 0:
		return nil
	case c.given > most:
		return fmt.Errorf("%s takes at most %d names", c.word, most)
	case len(c.args) == c.given && c.given > at && c.args[at] != stand:
		if _, err := steer.ParseWhom(c.args[at]); err != nil {
			return err
		}
	}
	return nil
}

func (f *Facts) narrow(names []string) (n narrow, err error) {
	if f.State.Fleet == nil {
		return n, fmt.Errorf("no fleet is set")
	}
	if len(names) > 0 && names[0] != "" {
		n.service = fleet.ServiceID(serviceName(names[0], f.State.Fleet))
		if f.State.Fleet.Service(n.service) == nil {
			return n, fmt.Errorf("no service is called %q", names[0])
		}
	}
	if len(names) > 1 {
		n.cohort, err = steer.ParseWhom(names[1])
	}
	return n, err
}

// share is how much of its traffic, or of a part of it, a site takes.
func (f *Facts) share(site string, of ...string) (int, error) {
	s, err := f.site(site)
	if err != nil {
		return 0, err
	}
	n, err := f.narrow(of)
	if err != nil {
		return 0, err
	}
	return steer.ShareOf(f.State, s.Name, n.service, n.cohort), nil
}

// left is how many registrations a site's gate still has, of all devices or of a
// part of them.
func (f *Facts) left(site string, of ...string) (int, error) {
	all, err := f.counted("registrations left", f.Left, site)
	if err != nil {
		return 0, err
	}
	n, err := f.narrow(of)
	if err != nil || n.all() {
		return all, err
	}
	sum := 0
	for _, p := range f.Parts[fleet.SiteID(site)] {
		if (n.service == "" || p.Service == n.service) && (n.cohort.IsZero() || n.cohort.Has(p.Bucket)) {
			sum += p.Left
		}
	}
	return sum, nil
}

// LeftOf is how many registrations of a service and a cohort, both may be empty,
// the gate of a site still has.
func (f *Facts) LeftOf(site, service, cohort string) (int, error) {
	return f.left(site, service, cohort)
}

// tenants is how many there are of a service and in a cohort.
func (f *Facts) tenants(of ...string) (int, error) {
	n, err := f.narrow(of)
	if err != nil {
		return 0, err
	}
	return steer.TenantsOf(f.State, n.service, n.cohort), nil
}
