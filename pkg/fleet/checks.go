package fleet

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// CheckKinds names every kind of check that listeners are asked, as written
// under checks.kinds.
var CheckKinds = []string{"options", "tls", "register", "standing"}

// CheckTimes are the settings of one kind of check where they differ from those
// of all checks.
type CheckTimes struct {
	// Kind is one of CheckKinds.
	Kind string `json:"kind" yaml:"kind" jsonschema:"enum=options,enum=tls,enum=register,enum=standing" jsonschema_description:"Kind of check that these settings are for."`
	// Off leaves the kind out. OPTIONS cannot be left out.
	Off bool `json:"off,omitempty" yaml:"off,omitempty" jsonschema_description:"Leave this kind of check out. options cannot be left out."`
	// Interval, Timeout, Fall, Reset and Rise as in Checks. Default: those of
	// Checks; register is asked every third interval.
	Interval Duration `json:"interval,omitzero" yaml:"interval,omitempty" jsonschema_description:"Between two probes of one check. Default: as for all checks; three times that for register."`
	Timeout  Duration `json:"timeout,omitzero" yaml:"timeout,omitempty" jsonschema_description:"After which a probe has failed. Default: as for all checks."`
	Fall     int      `json:"fall,omitempty" yaml:"fall,omitempty" jsonschema:"minimum=1" jsonschema_description:"Failures in total that make it down. Default: as for all checks."`
	Reset    int      `json:"reset,omitempty" yaml:"reset,omitempty" jsonschema:"minimum=1" jsonschema_description:"Successes in a row that forget failures. Default: as for all checks."`
	Rise     int      `json:"rise,omitempty" yaml:"rise,omitempty" jsonschema:"minimum=1" jsonschema_description:"Successes in a row that make it up again. Default: as for all checks."`

	hold int // Of sets it
}

// Hold is how many successes in a row fit into Checks.MaxHold, in what Of returns.
func (t CheckTimes) Hold() int { return t.hold }

// Canary is a test subscriber, as which every agent logs in to prove that
// phones can.
type Canary struct {
	// Site whose softswitches know the subscriber. Default: all sites.
	Site SiteID `json:"site,omitempty" yaml:"site,omitempty" jsonschema_description:"Site whose softswitches know the subscriber. Default: all sites."`
	// Transports over which it logs in. Default: all that the site has.
	Transports []Transport `json:"transports,omitempty" yaml:"transports,omitempty" jsonschema_description:"Transports over which it logs in. Default: all that the site has."`
	// User is the user part of its address of record, and its user name.
	User string `json:"user" yaml:"user" jsonschema_description:"User part of its address of record, also its user name."`
	// Domain is its SIP domain. Default: the listener's server name.
	Domain string `json:"domain,omitempty" yaml:"domain,omitempty" jsonschema_description:"Its SIP domain. Default: the server_name of the listener."`
	// Secret names its password, which is never in this file: each agent has it
	// in a file or in its environment.
	Secret string `json:"secret" yaml:"secret" jsonschema_description:"Name of its password: a file of that name in the agent's secrets_dir, or SIPSTEER_SECRET_NAME in the agent's environment."`
}

// registerEvery is how many intervals lie between two logins: each is at least
// four messages and a write to the registrar's store.
const registerEvery = 3

// Of returns the settings in force for a kind of check, with or without a name
// after a colon. The receiver has its defaults.
func (c Checks) Of(kind string) CheckTimes {
	kind, _, _ = strings.Cut(kind, ":")
	t := CheckTimes{Kind: kind}
	if i := slices.IndexFunc(c.Kinds, func(k CheckTimes) bool { return k.Kind == kind }); i >= 0 {
		t = c.Kinds[i]
	}
	if t.Interval == 0 {
		t.Interval = c.Interval
		if kind == "register" {
			t.Interval *= registerEvery
		}
		t.Interval = max(t.Interval, t.Timeout)
	}
	if t.Timeout == 0 {
		t.Timeout = min(c.Timeout, t.Interval)
	}
	for _, n := range []struct {
		own *int
		all int
	}{{&t.Fall, c.Fall}, {&t.Reset, c.Reset}, {&t.Rise, c.Rise}} {
		if *n.own == 0 {
			*n.own = n.all
		}
	}
	t.hold = c.holdOf(t.Interval)
	return t
}

// defaultMaxHold is Checks.MaxHold where nothing is said.
const defaultMaxHold = Duration(30 * time.Minute)

// holdOf is the longest hold-down in probes of an interval.
func (c Checks) holdOf(interval Duration) int {
	return max(1, int(cmp.Or(c.MaxHold, defaultMaxHold)/max(interval, 1)))
}

// Canary returns the subscriber that logs in at a site over a transport: the
// first that is for this site, else the first that is for all; nil when there
// is none.
func (c Checks) Canary(site SiteID, t Transport) *Canary {
	if all := c.CanariesAt(site, t); len(all) > 0 {
		return all[0]
	}
	return nil
}

// CanariesAt returns all subscribers that log in at a site over a transport, one
// of each SIP domain, so that a fault of one tenant is told from one of the site:
// those for this site first, then those for all.
func (c Checks) CanariesAt(site SiteID, t Transport) []*Canary {
	var out []*Canary
	for _, want := range []SiteID{site, ""} {
		for i := range c.Canaries {
			k := &c.Canaries[i]
			if k.Site == want && k.uses(t) && !slices.ContainsFunc(out, func(o *Canary) bool { return strings.EqualFold(o.Domain, k.Domain) }) {
				out = append(out, k)
			}
		}
	}
	return out
}

func (k *Canary) uses(t Transport) bool {
	return len(k.Transports) == 0 || slices.Contains(k.Transports, t)
}

// leastInterval and mostInterval bound how often a check may be asked.
const (
	leastInterval = Duration(50 * time.Millisecond)
	mostInterval  = Duration(time.Hour)
)
