package health

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// AcquitSites tells the fault of one tenant from one of a site. Where several test
// subscribers log in at a listener, each of another tenant, and one of them cannot,
// that is no fault of the listener
//
//   - if the same tenant fails at two sites or more over this transport, as a
//     common cause does: where traffic would go it meets the same fault;
//   - if fewer than half of those who try cannot;
//   - while it was acquitted before and another one can log in: it is mended at one
//     site after the other, and the last one is not the sick one.
//
// Such a verdict is Up with CauseTenant and a sentence, so that it moves nothing
// and holds nothing back. Nobody is acquitted where no other tenant can log in.
// prev is what was believed before, tenant names whose login a check tries. The
// verdicts are changed in place, and returned.
func AcquitSites(prev func(Check) Verdict, verdicts []Verdict, tenant func(Check) string, now time.Time) []Verdict {
	l := loginsOf(verdicts, tenant)
	if len(l.at) == 0 {
		return verdicts
	}
	type acquittal struct {
		i    int
		text string
	}
	var all []acquittal // changed when all were judged by what was seen
	for i, v := range verdicts {
		if v.Status != Down || v.Check.Kind.Base() != Register {
			continue
		}
		if text := l.acquits(v, prev(v.Check)); text != "" {
			all = append(all, acquittal{i, text})
		}
	}
	for _, a := range all {
		v := &verdicts[a.i]
		before := prev(v.Check)
		v.Detail = fmt.Sprintf("%s (%s)", a.text, cmp.Or(v.Detail, string(v.Cause)))
		v.Status, v.Cause, v.Certificate, v.Since = Up, CauseTenant, "", now
		if before.Status == Up {
			v.Since = before.Since
		}
	}
	return verdicts
}

// logins are the verdicts about logins, as they were seen.
type logins struct {
	tenant func(Check) string
	at     map[Target][]Verdict // with two tenants or more
	of     map[tenantVia][]Verdict
}

// tenantVia is a tenant over a transport.
type tenantVia struct {
	tenant    string
	transport fleet.Transport
}

func loginsOf(verdicts []Verdict, tenant func(Check) string) logins {
	l := logins{tenant: tenant, at: map[Target][]Verdict{}, of: map[tenantVia][]Verdict{}}
	for _, v := range verdicts {
		if v.Check.Kind.Base() == Register && v.Check.Kind != Register && v.Status != Unknown {
			l.at[v.Check.Target] = nil // a further tenant: worth a look
		}
	}
	if len(l.at) == 0 {
		return l
	}
	for _, v := range verdicts {
		if v.Check.Kind.Base() != Register || v.Status == Unknown {
			continue
		}
		if _, several := l.at[v.Check.Target]; several {
			l.at[v.Check.Target] = append(l.at[v.Check.Target], v)
		}
		key := tenantVia{tenant(v.Check), v.Check.Transport}
		l.of[key] = append(l.of[key], v)
	}
	return l
}

// acquits says why the site is not at fault; "" when it may be.
func (l *logins) acquits(v, before Verdict) string {
	down, up := 0, 0
	for _, o := range l.at[v.Check.Target] {
		if o.Status == Down {
			down++
		} else {
			up++
		}
	}
	if up == 0 {
		return ""
	}
	name := l.tenant(v.Check)
	sites := failsAt(l.of[tenantVia{name, v.Check.Transport}])
	switch {
	case len(sites) > 1:
		return TenantFault(name, sites)
	case down < up:
		return fmt.Sprintf("tenant %s cannot log in at %s, %d of %d others can: it is not the site", name, v.Check.Site, up, up+down-1)
	case before.Status == Up && before.Cause == CauseTenant:
		return fmt.Sprintf("tenant %s cannot log in at %s yet, others can", name, v.Check.Site)
	}
	return ""
}

// TenantFault says that a tenant cannot log in at several sites where others can.
func TenantFault(tenant string, sites []fleet.SiteID) string {
	return fmt.Sprintf("tenant %s cannot log in at %s, others can: it is the tenant, not the sites", tenant, list(sites))
}

// failsAt returns the sites where a tenant cannot log in.
func failsAt(all []Verdict) (sites []fleet.SiteID) {
	for _, v := range all {
		if v.Status == Down {
			sites = append(sites, v.Check.Site)
		}
	}
	slices.Sort(sites)
	return slices.Compact(sites)
}
