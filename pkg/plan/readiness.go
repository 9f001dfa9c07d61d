package plan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Grade says how bad a finding is.
type Grade string

// The grades, worst first.
const (
	Broken  Grade = "broken"  // the next failure would not be survived as wanted
	Warning Grade = "warning" // it would cost time, or a person
	Note    Grade = "note"    // worth knowing
)

// Finding is one thing that would go wrong today.
type Finding struct {
	Grade   Grade           `json:"grade"`
	Topic   string          `json:"topic"` // one word: capacity, drill, canary, …
	Site    fleet.SiteID    `json:"site,omitempty"`
	Service fleet.ServiceID `json:"service,omitempty"`
	Subject string          `json:"subject,omitempty"` // an agent, a file, an address, where the text is about one
	Text    string          `json:"text"`
	Next    string          `json:"next,omitempty"` // the command to type, or what to change
	// Concern is its name where it can be acknowledged; Acked says who has.
	Concern string        `json:"concern,omitempty"`
	Acked   *steer.Intent `json:"acked,omitempty"`
}

// longTTL is an answer's lifetime after which a failover is no longer a matter
// of a minute.
const longTTL = 5 * time.Minute

// Readiness tries the loss of each site on the State as it is, with the same
// guards that would be asked then, and lists what else stands in the way.
func Readiness(s steer.State, seen Seen, now time.Time) []Finding {
	if s.Fleet == nil {
		return []Finding{{Grade: Broken, Topic: "fleet", Text: "no fleet is set", Next: "sipsteer agent with a fleet file"}}
	}
	r := &readiness{s: s, now: now}
	r.losses()
	r.services()
	r.checks()
	r.intents()
	r.incidents()
	r.drills()
	r.scheduled()
	r.agents(seen.Machines)
	r.seen(seen)
	slices.SortStableFunc(r.out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank(a.Grade), rank(b.Grade)), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Site, b.Site), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Subject, b.Subject))
	})
	r.acknowledged()
	return r.out
}

func rank(g Grade) int { return slices.Index([]Grade{Broken, Warning, Note}, g) }

type readiness struct {
	s   steer.State
	now time.Time
	out []Finding
}

func (r *readiness) add(f Finding, format string, args ...any) {
	f.Text = fmt.Sprintf(format, args...)
	r.out = append(r.out, f)
}

// losses takes every site out in turn, as a drain would.
func (r *readiness) losses() {
	for _, site := range r.s.Fleet.SiteIDs() {
		if len(steer.SlotsOf(r.s.Fleet, site, "", 0)) == 0 {
			continue
		}
		_, _, err := steer.Apply(r.s, steer.Command{
			Version: 1, Kind: steer.KindDrain, At: r.now, By: "readiness", Reason: "readiness", Site: site, For: fleet.Duration(time.Hour), Now: true,
		})
		var refusal *steer.Refusal
		if errors.As(err, &refusal) {
			r.add(Finding{Grade: Broken, Topic: "loss", Site: site, Next: refusal.Next}, "%s cannot be taken out now (%s): %s (now %s, limit %s)", site, refusal.Rule, refusal.Text, refusal.Value, refusal.Limit)
		}
		c := r.s.Fleet.Site(site).Capacity
		if c.Registrations == 0 || c.Calls == 0 {
			r.add(Finding{Grade: Note, Topic: "capacity", Site: site, Next: "state registrations and calls in the fleet file"}, "the capacity of %s is not stated: nobody can tell whether it bears another site's phones", site)
		}
	}
}

// services looks for what a service does not have.
func (r *readiness) services() {
	for i := range r.s.Fleet.Services {
		svc := &r.s.Fleet.Services[i]
		f := Finding{Topic: "service", Service: svc.Name}
		if ttl := r.s.Fleet.ServiceTTL(svc).Normal.D(); ttl > longTTL {
			f.Grade, f.Next = Warning, "lower policy.ttl_normal or the service's ttl"
			r.add(f, "phones may hold the answer for %s for %s: so long a failover takes", svc.Name, ttl)
		}
		switch {
		case len(svc.Sites) < 2:
			f.Grade, f.Next = Broken, "add a site to the service"
			r.add(f, "%s has one site: its loss is the service's", svc.Name)
		case len(svc.Sites) == 2:
			if shared := shares(r.s.Fleet, svc.Sites); len(shared) > 0 {
				f.Grade, f.Next = Broken, "add a site that does not share it"
				r.add(f, "both sites of %s share %s: what takes one takes the other", svc.Name, strings.Join(shared, ", "))
			}
		}
		if svc.Automation != fleet.AutomationAct {
			f.Grade, f.Next = Note, "automation: act, in the fleet file"
			r.add(f, "a person has to move %s: automation is %s", svc.Name, cmp.Or(svc.Automation, fleet.AutomationAdvise))
		}
	}
}

// shares lists the fate groups that all the sites have.
func shares(f *fleet.Fleet, sites []fleet.SiteID) []string {
	var out []string
	for _, g := range f.Site(sites[0]).FateGroups {
		if !slices.ContainsFunc(sites[1:], func(s fleet.SiteID) bool { return !slices.Contains(f.Site(s).FateGroups, g) }) {
			out = append(out, g)
		}
	}
	return out
}

// checks looks at what is down or not known, and for sites at which nobody logs in.
func (r *readiness) checks() {
	for i := range r.s.Fleet.Sites {
		site := &r.s.Fleet.Sites[i]
		for _, t := range site.Transports() {
			if st := r.s.SiteStatus(site.Name, t); st != health.Up {
				grade, in := Broken, ""
				switch {
				case st == health.Unknown:
					grade = Warning
				case r.s.Quiet(site.Name, t):
					grade, in = Note, ", in maintenance"
				}
				r.add(Finding{Grade: grade, Topic: "check", Site: site.Name, Subject: t.String(), Next: "sipsteer status"}, "%s over %s is %s%s", site.Name, t, st, in)
			}
		}
		if !slices.ContainsFunc(r.s.Verdicts, func(v health.Verdict) bool { return v.Check.Site == site.Name && v.Check.Kind == health.Register }) {
			r.add(Finding{Grade: Note, Topic: "canary", Site: site.Name, Next: "name a test subscriber in the fleet file"}, "no test subscriber logs in at %s: a dead registrar behind a living OPTIONS would not be seen", site.Name)
		}
	}
}

func (r *readiness) intents() {
	for _, h := range r.s.Holds {
		r.add(Finding{Grade: Warning, Topic: "hold", Service: h.Service, Next: "sipsteer release"}, "automation is held by %s (%s) until %s", h.Owner, h.Reason, h.Until.UTC().Format(time.DateTime))
	}
	for _, d := range r.s.Drains {
		r.add(Finding{Grade: Warning, Topic: "drain", Site: d.Site, Subject: d.ID, Next: "sipsteer undrain " + string(d.Site)}, "%s is drained by %s (%s) until %s", d.Scope(), d.Owner, d.Reason, d.Until.UTC().Format(time.DateTime))
	}
	for _, x := range r.s.Silences {
		r.add(Finding{Grade: Warning, Topic: "silence", Site: x.Site, Subject: x.ID, Next: "sipsteer silence end " + x.ID}, "%s is silenced by %s (%s) until %s: nobody is told of what begins to fail there", x.SilenceScope, x.Owner, x.Reason, x.Until.UTC().Format(time.DateTime))
	}
	out := map[fleet.SiteID]bool{}
	for _, o := range r.s.Outs {
		if !out[o.Site] {
			out[o.Site] = true
			r.add(Finding{Grade: Warning, Topic: "out", Site: o.Site, Next: "sipsteer failback " + string(o.Site)}, "%s is out of answers since %s, by %s (%s), %s", o.Site, o.Since.UTC().Format(time.DateTime), o.By, o.Reason, o.Lasts())
		}
	}
	for i := range r.s.Runs {
		if run := &r.s.Runs[i]; run.Live() && run.Next() != "" {
			r.add(Finding{Grade: Warning, Topic: "runbook", Subject: run.ID, Next: run.Next()}, "%s (%s) waits for a person: %s", run.ID, run.Book, cmp.Or(run.Why, string(run.State)))
		}
	}
}

func (r *readiness) incidents() {
	for i := range r.s.Incidents {
		in := &r.s.Incidents[i]
		switch {
		case in.Open():
			r.add(Finding{Grade: Warning, Topic: "incident", Subject: in.ID, Next: "sipsteer incident show " + in.ID}, "%s is %s: %s", in.ID, in.State, in.Summary)
		case in.Cause == "" && r.now.Sub(in.ResolvedAt) < steer.DrillDue:
			r.add(Finding{Grade: Note, Topic: "incident", Subject: in.ID, Next: fmt.Sprintf("sipsteer incident resolve %s --cause …", in.ID)}, "nobody has named the cause of %s (%s): it may come again", in.ID, in.Summary)
		}
	}
}

// scheduled nags for the drills of the fleet file that should have been.
func (r *readiness) scheduled() {
	for _, d := range r.s.Fleet.Policy.Drills {
		if who, err := steer.ParseWhom(d.Cohort); err == nil {
			if why := steer.Nobody(r.s, d.Site, "", 0, who); why != "" {
				r.add(Finding{Grade: Warning, Topic: "drill", Site: d.Site, Subject: d.When, Next: "sipsteer tenant import FILE   # or take the cohort out of policy.drills"},
					"the drill of %s that the fleet file wants (%s, cohort %s) does not begin: %s", d.Site, d.When, d.Cohort, why)
				continue
			}
		}
		i := slices.IndexFunc(r.s.Practice, func(p steer.Practice) bool { return p.Site == d.Site })
		if i < 0 || r.now.Sub(r.s.Practice[i].At) <= d.Every()+7*24*time.Hour {
			continue // one that never was is told by drills
		}
		r.add(Finding{Grade: Warning, Topic: "drill", Site: d.Site, Next: fmt.Sprintf("sipsteer drill %s --minutes %d --reason \"instead of the one that did not begin\"", d.Site, int(d.Lasts().Minutes()))},
			"the drill of %s that the fleet file wants every %d days (%s) did not begin; the leader's log says why", d.Site, int(d.Every().Hours()/24), d.When)
	}
}

// drills nags for the sites whose loss has not been practised for a month.
func (r *readiness) drills() {
	for _, site := range r.s.Fleet.SiteIDs() {
		f := Finding{Grade: Warning, Topic: "drill", Site: site, Next: fmt.Sprintf("sipsteer drill %s --minutes 30 --reason \"monthly drill\"", site)}
		i := slices.IndexFunc(r.s.Practice, func(p steer.Practice) bool { return p.Site == site })
		switch {
		case i < 0:
			r.add(f, "the loss of %s has never been practised", site)
			continue
		case r.partOnly(f, r.s.Practice[i]):
			continue
		case r.s.Practice[i].GoodAt.IsZero():
			r.add(f, "no drill of %s has succeeded; the last one, %s: %s %s", site, r.s.Practice[i].At.UTC().Format(time.DateOnly), r.s.Practice[i].Verdict, r.s.Practice[i].Why)
			continue
		}
		p := r.s.Practice[i]
		if age := r.now.Sub(p.GoodAt); age > steer.DrillDue {
			r.add(f, "the last good drill of %s is %d days old", site, int(age.Hours()/24))
		} else if p.Verdict != steer.DrillSucceeded {
			r.add(f, "the last drill of %s ended as %s: %s", site, p.Verdict, p.Why)
		}
	}
}

// partOnly is for sites of which a cohort has left in a good drill of late, and
// everyone has not: that is worth a note, and says little of a loss.
func (r *readiness) partOnly(f Finding, p steer.Practice) bool {
	if p.PartAt.IsZero() || r.now.Sub(p.PartAt) > steer.DrillDue || r.now.Sub(p.GoodAt) <= steer.DrillDue || p.Verdict != steer.DrillSucceeded {
		return false
	}
	whole := "never"
	if !p.GoodAt.IsZero() {
		whole = p.GoodAt.UTC().Format(time.DateOnly)
	}
	f.Grade = Note
	r.add(f, "the loss of %s was practised for %s only; with everyone: %s", p.Site, p.Cohort.Words(), whole)
	return true
}

func (r *readiness) agents(machines []Machine) {
	reached := 0
	for _, m := range machines {
		f := Finding{Grade: Broken, Topic: "agent", Subject: string(m.Name), Next: "sipsteer status"}
		switch {
		case !m.Reached:
			r.add(f, "agent %s is not reached", m.Name)
			continue
		case m.Epoch < r.s.Epoch:
			r.add(f, "agent %s answers epoch %d, and %d is in force", m.Name, m.Epoch, r.s.Epoch)
		case m.Problem != "":
			r.add(f, "agent %s: %s", m.Name, m.Problem)
		}
		reached++
	}
	if n := len(machines); n > 0 && 2*(reached-1) <= n {
		r.add(Finding{Grade: Broken, Topic: "quorum", Next: "add an agent, or start the missing one"}, "%d of %d agents are reached: with one more lost nothing can be changed", reached, n)
	}
}
