package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Bind fills the values in and returns what can be run on the fleet. The error
// is a *steer.Invalid that says what is missing.
func Bind(b *Book, values map[string]string, f *fleet.Fleet) (*steer.Procedure, error) {
	if f == nil {
		return nil, &steer.Invalid{Field: "fleet", Message: "no fleet is set yet"}
	}
	filled, err := b.fill(values, f)
	if err != nil {
		return nil, err
	}
	put := func(s string) string {
		return blank.ReplaceAllStringFunc(s, func(m string) string { return filled[m[2:len(m)-1]] })
	}
	p := &steer.Procedure{Book: b.Name, Summary: put(b.Summary), Values: filled, Steps: b.bound()}
	for _, c := range b.Require {
		p.Require = append(p.Require, put(c))
	}
	for _, c := range b.AbortIf {
		p.AbortIf = append(p.AbortIf, put(c))
	}
	for _, c := range b.Finally {
		p.Finally = append(p.Finally, put(c))
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		for _, field := range []*string{&s.Text, &s.For, &s.Site, &s.Service, &s.Transport, &s.Cohort, &s.Pace, &s.Require, &s.Until, &s.URL, &s.Body} {
			*field = put(*field)
		}
		s.Service = serviceName(s.Service, f)
		s.Command = slices.Clone(s.Command)
		for k := range s.Command {
			s.Command[k] = put(s.Command[k])
		}
		if s.Undo != nil {
			u := *s.Undo
			u.Site, u.Service, u.Transport, u.Cohort, u.Pace = put(u.Site), serviceName(put(u.Service), f), put(u.Transport), put(u.Cohort), put(u.Pace)
			s.Undo = &u
		}
		if s.Site != "" && !slices.Contains(p.Sites, fleet.SiteID(s.Site)) {
			p.Sites = append(p.Sites, fleet.SiteID(s.Site))
		}
	}
	if v, ok := filled["site"]; ok && !slices.Contains(p.Sites, fleet.SiteID(v)) {
		p.Sites = append(p.Sites, fleet.SiteID(v))
	}
	slices.Sort(p.Sites)
	return p, knownNames(p, f)
}

// fill checks the values that were given.
func (b *Book) fill(values map[string]string, f *fleet.Fleet) (map[string]string, error) {
	filled := map[string]string{}
	var missing []string
	for _, v := range b.Values {
		given, ok := values[v.Name]
		if !ok {
			given = v.Default
		}
		if given == "" && v.Default == "" && (!ok || v.Kind != "text") {
			missing = append(missing, fmt.Sprintf("--set %s=%s", v.Name, strings.ToUpper(v.Kind)))
			continue
		}
		if err := v.check(given, f); err != nil {
			return nil, err
		}
		if v.Kind == "service" {
			given = serviceName(given, f)
		}
		filled[v.Name] = given
	}
	if len(missing) > 0 {
		return nil, &steer.Invalid{Field: "values", Message: "values are missing", Hint: "sipsteer runbook run " + b.Name + " " + strings.Join(missing, " ") + ` --reason "…"`}
	}
	var extra []string
	for k := range values { // any order: sorted below
		if !slices.ContainsFunc(b.Values, func(v Value) bool { return v.Name == k }) {
			extra = append(extra, k)
		}
	}
	slices.Sort(extra)
	if len(extra) > 0 {
		return nil, &steer.Invalid{Field: "values", Message: fmt.Sprintf("%s has no value %q", b.Name, extra[0]), Hint: "sipsteer runbook show " + b.Name}
	}
	return filled, nil
}

// check refuses a value that is not of its kind. Text may not end a quoted word
// of a condition, so that a value cannot become part of one.
func (v Value) check(given string, f *fleet.Fleet) error {
	bad := func(format string, args ...any) error {
		return &steer.Invalid{Field: v.Name, Message: fmt.Sprintf(format, args...)}
	}
	if len(given) > maxBlank || strings.ContainsAny(given, "\"'`\\${}") || strings.ContainsFunc(given, unicode.IsControl) {
		return bad("%q cannot be used: at most %d octets, and none of \" ' ` \\ $ { }", given, maxBlank)
	}
	switch v.Kind {
	case "site":
		if f.Site(fleet.SiteID(given)) == nil {
			return &steer.Invalid{Field: v.Name, Message: fmt.Sprintf("no site is called %q", given), Hint: "one of " + words(f.SiteIDs())}
		}
	case "service":
		if f.Service(fleet.ServiceID(serviceName(given, f))) == nil {
			return bad("no service is called %q", given)
		}
	case "transport":
		if _, err := fleet.ParseTransport(given); err != nil {
			return bad("%v", err)
		}
	case "cohort":
		if _, err := steer.ParseWhom(given); err != nil {
			return bad("%v", err)
		}
	case "pace":
		if _, err := steer.ParsePace(given); err != nil {
			return bad("%v", err)
		}
	case "duration":
		if d, err := time.ParseDuration(given); err != nil || d <= 0 || d > maxLimit {
			return bad("%q is no duration up to %s; for example 30m", given, maxLimit)
		}
	}
	return nil
}

func serviceName(s string, f *fleet.Fleet) string {
	if s != "" && !strings.Contains(s, ".") {
		return s + "." + f.Zone
	}
	return s
}

// knownNames refuses what a value has made of a step and the fleet does not have.
func knownNames(p *steer.Procedure, f *fleet.Fleet) error {
	for _, s := range p.Sites {
		if f.Site(s) == nil {
			return &steer.Invalid{Field: "site", Message: fmt.Sprintf("no site is called %q", s), Hint: "one of " + words(f.SiteIDs())}
		}
	}
	for _, s := range p.Steps {
		if s.Service != "" && f.Service(fleet.ServiceID(s.Service)) == nil {
			return &steer.Invalid{Field: "service", Message: fmt.Sprintf("step %s: no service is called %q", s.ID, s.Service)}
		}
		if _, err := steer.ParseWhom(s.Cohort); err != nil {
			return &steer.Invalid{Field: "cohort", Message: fmt.Sprintf("step %s: %v", s.ID, err)}
		}
		if _, err := steer.ParsePace(s.Pace); err != nil {
			return &steer.Invalid{Field: "pace", Message: fmt.Sprintf("step %s: %v", s.ID, err)}
		}
	}
	return nil
}
