package steer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MaxNote bounds a note, a summary or a cause, in octets.
const MaxNote = 2000

// changeIncident carries out what a person says of an incident.
func (t *transition) changeIncident() error {
	c := t.cmd.Incident
	if c == nil {
		return &Invalid{Field: "incident", Message: "the command says nothing of an incident"}
	}
	if strings.TrimSpace(t.cmd.By) == "" {
		return &Invalid{Field: "by", Message: "nobody is named as the owner", Hint: "give --owner NAME"}
	}
	if len(c.Text) > MaxNote || len(c.Cause) > MaxNote {
		return &Invalid{Field: "incident", Message: fmt.Sprintf("the text has more than %d octets", MaxNote), Hint: "keep the note short and link to the rest"}
	}
	if c.Severity != "" && c.Severity.rank() == 0 {
		return &Invalid{Field: "severity", Message: fmt.Sprintf("no severity is called %q", c.Severity), Hint: "one of " + joined(Severities())}
	}
	if c.ID == "" && t.cmd.Kind == KindIncidentDeclare {
		return t.declareNew(c)
	}
	i := slices.IndexFunc(t.Incidents, func(in Incident) bool { return in.ID == c.ID })
	if i < 0 {
		return &Invalid{Field: "incident", Message: fmt.Sprintf("no incident is called %q", c.ID), Hint: "sipsteer incident list"}
	}
	switch t.cmd.Kind {
	case KindIncidentDeclare:
		return t.declare(i, c)
	case KindIncidentNote:
		return t.note(i, c)
	case KindIncidentIdentify:
		return t.identify(i, c)
	}
	return t.resolve(i, c)
}

// declareNew opens an incident that no check has seen.
func (t *transition) declareNew(c *IncidentChange) error {
	if strings.TrimSpace(c.Text) == "" {
		return &Invalid{Field: "text", Message: "a summary is required", Hint: `sipsteer incident declare --site SITE --summary "what callers see"`}
	}
	for _, s := range c.Sites {
		if t.Fleet.Site(s) == nil {
			return &Invalid{Field: "site", Message: fmt.Sprintf("no site is called %q", s), Hint: "one of " + joined(t.Fleet.SiteIDs())}
		}
	}
	if c.Started.After(t.Now) {
		return &Invalid{Field: "started", Message: "callers cannot have been hit in the future", Hint: "--started 2026-05-04T03:05:00Z, or leave it out for now"}
	}
	for _, in := range t.Incidents {
		for _, s := range c.Sites {
			if in.Open() && slices.Contains(in.Sites, s) {
				return &Invalid{
					Field: "site", Message: fmt.Sprintf("incident %s is open for %s: %s", in.ID, s, in.Summary),
					Hint: fmt.Sprintf("sipsteer incident declare %s   # takes it over", in.ID),
				}
			}
		}
	}
	in := t.newIncident(slices.Clone(c.Sites), t.cmd.By)
	in.Summary, in.Severity, in.SetSeverity, in.Owner = c.Text, cmp.Or(c.Severity, Major), c.Severity != "", t.cmd.By
	if !c.Started.IsZero() {
		in.StartedAt = c.Started
	}
	t.addIncident(t.declaredExposure(in))
	return nil
}

// declaredExposure takes the sites that a person named as failing, whatever the
// checks say.
func (t *transition) declaredExposure(in Incident) Incident {
	for _, site := range in.Sites {
		c := t.Fleet.Site(site).Capacity
		in.Exposure.Registrations += c.Registrations
		in.Exposure.Calls += c.Calls
		if c.Registrations == 0 {
			in.Exposure.Unstated = append(in.Exposure.Unstated, site)
		}
		for i := range t.Fleet.Services {
			svc := &t.Fleet.Services[i]
			if len(svc.Sites) > 0 && svc.Sites[0] == site {
				in.Services = append(in.Services, svc.Name)
			}
		}
	}
	slices.Sort(in.Services)
	in.Services = slices.Compact(in.Services)
	return in
}

// declare takes over an incident that the program opened.
func (t *transition) declare(i int, c *IncidentChange) error {
	in := t.Incidents[i]
	if !in.Open() {
		return t.isResolved(in)
	}
	next := in
	next.Owner = t.cmd.By
	if c.Severity != "" {
		next.Severity, next.SetSeverity = c.Severity, true
	}
	if !c.Started.IsZero() {
		if c.Started.After(in.OpenedAt) {
			return &Invalid{Field: "started", Message: "callers were hit before the incident was opened, at " + stamp(in.OpenedAt), Hint: "leave --started out, or give an earlier time"}
		}
		next.StartedAt, next.DetectWithin = c.Started, 0
	}
	t.event(EventIncident, Event{Incident: in.ID, Word: "declared", Text: fmt.Sprintf("incident %s is led by %s", in.ID, t.cmd.By)})
	if c.Text != "" {
		t.event(EventNote, Event{Incident: in.ID, Reason: c.Text, Text: "note: " + c.Text})
	}
	t.setIncident(i, in, next)
	return nil
}

// note adds a line to the timeline, also after the end: the story is often
// known only then.
func (t *transition) note(i int, c *IncidentChange) error {
	if strings.TrimSpace(c.Text) == "" {
		return &Invalid{Field: "text", Message: "the note is empty", Hint: fmt.Sprintf("sipsteer incident note %s \"what was seen or done\"", c.ID)}
	}
	t.event(EventNote, Event{Incident: t.Incidents[i].ID, Reason: c.Text, Text: "note: " + c.Text})
	return nil
}

// identify names the root cause.
func (t *transition) identify(i int, c *IncidentChange) error {
	in := t.Incidents[i]
	if strings.TrimSpace(c.Cause) == "" {
		return &Invalid{Field: "cause", Message: "the cause is empty", Hint: fmt.Sprintf("sipsteer incident identify %s --cause \"what broke\"", c.ID)}
	}
	next := in
	next.Cause, next.IdentifiedAt = c.Cause, t.Now
	if in.Open() {
		next.Owner = t.cmd.By
		if in.State == Investigating {
			next.State = Identified
		}
	}
	t.event(EventIncident, Event{Incident: in.ID, Word: "cause", Reason: c.Cause, Text: fmt.Sprintf("incident %s: cause named: %s", in.ID, c.Cause)})
	t.setIncident(i, in, next)
	return nil
}

// resolve closes an incident with its root cause. One that was resolved
// already takes the cause, which is how a report is completed.
func (t *transition) resolve(i int, c *IncidentChange) error {
	in := t.Incidents[i]
	if strings.TrimSpace(c.Cause) == "" && in.Cause == "" {
		return &Invalid{Field: "cause", Message: "a root cause is required", Hint: fmt.Sprintf("sipsteer incident resolve %s --cause \"what broke\"   # or --cause unknown", c.ID)}
	}
	if !in.Open() {
		if c.Cause == "" {
			return nil // repeated: harmless
		}
		return t.identify(i, c)
	}
	if r := t.stillDown(in); r != nil {
		return r
	}
	next := in
	next.Cause = cmp.Or(c.Cause, in.Cause)
	if c.Cause != "" && in.IdentifiedAt.IsZero() {
		next.IdentifiedAt = t.Now
	}
	if next.WellAt.IsZero() {
		next.WellAt = t.Now
	}
	next.State, next.ResolvedAt, next.ResolvedBy = Resolved, t.Now, t.cmd.By
	if c.Cause != "" {
		t.event(EventIncident, Event{Incident: in.ID, Word: "cause", Reason: c.Cause, Text: fmt.Sprintf("incident %s: cause named: %s", in.ID, c.Cause)})
	}
	t.setIncident(i, in, next)
	return nil
}

// stillDown is the guard of resolve. The next verdict would open a new incident
// at once, and the story would be torn in two.
func (t *transition) stillDown(in Incident) error {
	var down []string
	for _, v := range t.Verdicts {
		if v.Loud() && slices.Contains(in.Sites, v.Check.Site) {
			down = append(down, v.Check.Target.String())
		}
	}
	if len(down) == 0 {
		return nil
	}
	return &Refusal{
		Rule: RuleStillDown, Hard: true, Text: fmt.Sprintf("incident %s is not over", in.ID),
		Value: strings.Join(slices.Compact(down), ", ") + " down", Limit: "nothing down",
		Next: "sipsteer status --watch   # until all is up; to name the cause now: sipsteer incident identify " + in.ID + ` --cause "…"`,
	}
}

func (t *transition) isResolved(in Incident) error {
	return &Invalid{
		Field: "incident", Message: fmt.Sprintf("incident %s was resolved at %s", in.ID, stamp(in.ResolvedAt)),
		Hint: fmt.Sprintf("sipsteer incident note %s \"…\"   # adds to its story; or declare a new one: sipsteer incident declare --site SITE --summary \"…\"", in.ID),
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
