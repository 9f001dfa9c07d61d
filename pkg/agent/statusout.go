package agent

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// outs tells what is out of the answers until somebody brings it back, in one
// entry for each site, who took it out and until when. Drains that last have
// their own.
func outs(s steer.State) []api.OutStatus {
	out := []api.OutStatus{}
	for _, o := range s.Outs {
		i := slices.IndexFunc(out, func(x api.OutStatus) bool {
			return x.Site == string(o.Site) && x.By == o.By && x.Reason == o.Reason && x.Until.Equal(o.Until) && x.Stays == o.Stays
		})
		if i < 0 {
			i = len(out)
			out = append(out, api.OutStatus{Site: string(o.Site), Services: []string{}, Transports: []string{}, Since: o.Since, By: o.By, Reason: o.Reason, Until: o.Until, Stays: o.Stays})
		}
		x := &out[i]
		x.Services, x.Transports = append(x.Services, string(o.Service)), append(x.Transports, o.Transport.String())
		if o.Since.Before(x.Since) {
			x.Since = o.Since
		}
	}
	for i := range out {
		slices.Sort(out[i].Services)
		slices.Sort(out[i].Transports)
		out[i].Services, out[i].Transports = slices.Compact(out[i].Services), slices.Compact(out[i].Transports)
		out[i].Well, out[i].Next = wayBack(s, out[i])
	}
	return out
}

// concerns tells what the last look at readiness found: the worst first, of these
// the newest, and last what somebody has acknowledged.
func concerns(s steer.State, now time.Time) []api.ConcernStatus {
	out := []api.ConcernStatus{}
	for _, c := range s.Concerns.List {
		x := api.ConcernStatus{Grade: c.Grade, Text: c.Text, Next: c.Next, Since: c.Since, Name: steer.ShortKey(c.Key)}
		if a := s.Concerns.Ack(c.Key, c.Grade, now); a != nil {
			x.Acked = &a.Intent
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b api.ConcernStatus) int {
		switch {
		case a.Acked == nil && b.Acked != nil:
			return -1
		case a.Acked != nil && b.Acked == nil:
			return 1
		case a.Grade != b.Grade:
			return cmp.Compare(a.Grade, b.Grade) // broken, warning
		}
		return b.Since.Compare(a.Since)
	})
	return out
}

// wayBack says whether the checks call for a return, and how it is made.
func wayBack(s steer.State, x api.OutStatus) (well bool, next string) {
	site := fleet.SiteID(x.Site)
	if slices.ContainsFunc(s.Failbacks, func(f steer.Failback) bool { return f.Site == site }) {
		return true, "" // it is on its way
	}
	well = !slices.ContainsFunc(x.Transports, func(name string) bool {
		t, err := fleet.ParseTransport(name)
		return err != nil || s.SiteStatus(site, t) != health.Up
	})
	if !well {
		return false, "sipsteer status --watch   # until " + x.Site + " is well"
	}
	if !x.Until.IsZero() && x.Stays == "" {
		return true, "" // it comes back by itself
	}
	return true, fmt.Sprintf("sipsteer failback %s --reason …", x.Site)
}

// runs tells of the runbooks that are not over.
func runs(s steer.State) []api.RunStatus {
	out := []api.RunStatus{}
	for i := range s.Runs {
		r := &s.Runs[i]
		if !r.Live() {
			continue
		}
		out = append(out, api.RunStatus{ID: r.ID, Book: r.Book, State: string(r.State), Owner: r.Owner, Next: r.Next(), Cohort: r.Cohort()})
	}
	return out
}
