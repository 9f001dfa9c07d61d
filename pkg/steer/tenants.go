package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// TenantChange is the part of a command that is about tenants. A table comes in
// parts, since one entry of the log is bounded, and counts only when all of it
// is there: the parts are staged, and one command makes them visible at once.
type TenantChange struct {
	// Upload names the import that the command belongs to.
	Upload string `json:"upload,omitempty"`
	// Part counts the parts from 0, for KindTenantStage. For KindTenantCommit it
	// is how many there are.
	Part int `json:"part,omitempty"`
	// Rows are "domain service" with a comma behind each, in order of the
	// domains over all parts. "domain -" removes a tenant.
	Rows string `json:"rows,omitempty"`
	// Replace drops the tenants that the import does not name.
	Replace bool `json:"replace,omitempty"`
	// Touches is how many tenants that are there the operator knows to be
	// changed, where that needs to be said; for KindSetFleet, how many names.
	Touches int `json:"touches,omitempty"`
}

// Staging is an import of which not everything is there yet.
type Staging struct {
	Upload string    `json:"upload"`
	By     string    `json:"by"`
	Since  time.Time `json:"since"`
	Parts  []string  `json:"parts"`
}

// Bounds of an import.
const (
	maxTenantParts = 4096
	// reachPercent of the tenants that are there may be changed without saying
	// how many they are; and reachLeast of them in any case.
	reachPercent = 10
	reachLeast   = 100
)

// TenantReach is what an import would do to the tenants that are there.
type TenantReach struct {
	Before  int `json:"before"` // tenants before
	After   int `json:"after"`
	Added   int `json:"added"`
	Moved   int `json:"moved"`
	Removed int `json:"removed"`
	Same    int `json:"same"`
}

// Touched is how many tenants that were there are not as they were.
func (r TenantReach) Touched() int { return r.Moved + r.Removed }

// Limit is how many may be touched without saying so.
func (r TenantReach) Limit() int { return max(reachLeast, r.Before*reachPercent/100) }

// Percent is the share of the tenants that were there and are touched.
func (r TenantReach) Percent() int {
	if r.Before == 0 {
		return 0
	}
	return (100*r.Touched() + r.Before - 1) / r.Before
}

// checkTenants says what of the rows cannot be in the fleet, or nil.
func checkTenants(f *fleet.Fleet, changes []fleet.TenantChange) error {
	names := fleet.NewTenantNames(f)
	for _, c := range changes {
		if c.Service == "" {
			continue
		}
		if f.Service(c.Service) == nil {
			return &Invalid{Field: "tenants", Message: fmt.Sprintf("tenant %q: no service is called %q", c.Domain, c.Service), Hint: "sipsteer status   # lists the services"}
		}
		if why := names.Problem(c.Domain); why != "" {
			return &Invalid{Field: "tenants", Message: fmt.Sprintf("tenant %q %s", c.Domain, why)}
		}
	}
	return nil
}

// edited is the table that an import leads to, and what it does. The rows were
// checked as they came.
func (t *transition) edited(changes []fleet.TenantChange, replace bool) (*fleet.Tenants, TenantReach, error) {
	old := t.Tenants.Names()
	base := old
	if replace {
		base = nil
	}
	table, counts, err := base.Edit(changes)
	if err != nil {
		return nil, TenantReach{}, &Invalid{Field: "tenants", Message: err.Error()}
	}
	if replace {
		return table, compareTenants(old, table), nil
	}
	return table, TenantReach{Before: old.Len(), After: table.Len(), Added: counts.Added, Moved: counts.Moved, Removed: counts.Removed, Same: counts.Same}, nil
}

// ReachOf says what happened to the tenants between two States.
func ReachOf(before, after State) TenantReach {
	return compareTenants(before.Tenants.Names(), after.Tenants.Names())
}

// compareTenants counts what differs between two tables.
func compareTenants(old, now *fleet.Tenants) TenantReach {
	r := TenantReach{Before: old.Len(), After: now.Len()}
	for c := range now.Diff(old) {
		switch _, was := old.Service(c.Domain); {
		case !was:
			r.Added++
		case c.Service == "":
			r.Removed++
		default:
			r.Moved++
		}
	}
	r.Same = r.After - r.Added - r.Moved
	return r
}

// tenantStage takes one part of an import; one without rows gives the import up.
// Another import that was begun before gives way: it is not half done, it has done
// nothing.
func (t *transition) tenantStage() error {
	c := t.cmd.Tenants
	if err := t.ownerAndReason(); err != nil {
		return err
	}
	if c == nil || c.Upload == "" {
		return &Invalid{Field: "tenants", Message: "the command names no import"}
	}
	changes, err := parseRows([]string{c.Rows})
	if err == nil {
		err = checkTenants(t.Fleet, changes)
	}
	switch {
	case err != nil:
		return err
	case c.Rows == "":
		if t.Staging != nil && (t.Staging.Upload == c.Upload || t.cmd.Version < versionEnds) {
			t.Staging = nil // given up; programs before versionEnds gave up a colleague's too
		}
		return nil
	case c.Part == 0:
		t.Staging = &Staging{Upload: c.Upload, By: t.cmd.By, Since: t.Now, Parts: []string{c.Rows}}
		return nil
	case t.Staging == nil || t.Staging.Upload != c.Upload:
		return &Invalid{Field: "tenants", Message: "another import was begun meanwhile", Hint: "sipsteer tenant import FILE   # again, when the other one is done"}
	case c.Part >= maxTenantParts:
		return &Invalid{Field: "tenants", Message: fmt.Sprintf("more than %d parts", maxTenantParts)}
	case c.Part != len(t.Staging.Parts):
		return &Invalid{Field: "tenants", Message: fmt.Sprintf("part %d after %d parts", c.Part, len(t.Staging.Parts)), Hint: "sipsteer tenant import FILE   # again"}
	}
	s := *t.Staging
	s.Parts = append(slices.Clone(s.Parts), c.Rows)
	t.Staging = &s
	return nil
}

// tenantCommit makes a staged import visible, all of it at once, if its reach is
// known to who wants it.
func (t *transition) tenantCommit() error {
	c := t.cmd.Tenants
	if err := t.ownerAndReason(); err != nil {
		return err
	}
	if c == nil || t.Staging == nil || t.Staging.Upload != c.Upload || len(t.Staging.Parts) != c.Part {
		return &Invalid{Field: "tenants", Message: "the import is not there, or not all of it", Hint: "sipsteer tenant import FILE   # again"}
	}
	changes, err := parseRows(t.Staging.Parts)
	if err != nil {
		return err
	}
	table, reach, err := t.edited(changes, c.Replace)
	if err != nil {
		return err
	}
	if r := guardReach(reach, c.Touches); r != nil {
		return r
	}
	t.Staging = nil
	if reach.Added+reach.Touched() == 0 {
		return nil // all as wanted
	}
	encoded, err := NewTenantTable(table)
	if err != nil {
		return err
	}
	t.TenantsBefore, t.Tenants, t.decided = t.Tenants, encoded, true
	t.event(EventTenants, Event{Text: fmt.Sprintf("tenants imported: %d new, %d moved, %d removed; %d now, %d before", reach.Added, reach.Moved, reach.Removed, reach.After, reach.Before)})
	return nil
}

// guardReach: who changes many tenants says how many they are.
func guardReach(r TenantReach, touches int) *Refusal {
	if n := r.Touched(); n > r.Limit() && touches != n {
		return &Refusal{
			Rule: RuleReach, Hard: true, Text: fmt.Sprintf("this touches %d %% of the tenants that are there", r.Percent()),
			Value: fmt.Sprintf("%d of %d tenants (%d moved, %d removed)", n, r.Before, r.Moved, r.Removed), Limit: fmt.Sprintf("%d without --touches", r.Limit()),
			Next: fmt.Sprintf("repeat with --touches %d, if that is what you want", n),
		}
	}
	return nil
}

// tenantRollback brings the table from before the last import back. A second
// time it brings the import back.
func (t *transition) tenantRollback() error {
	if err := t.ownerAndReason(); err != nil {
		return err
	}
	for _, s := range t.TenantsBefore.Names().Services() {
		if t.Fleet.Service(s.Service) == nil {
			return &Invalid{Field: "tenants", Message: fmt.Sprintf("the tenants from before use service %s, which is no more", s.Service), Hint: "sipsteer tenant import FILE"}
		}
	}
	reach := compareTenants(t.Tenants.Names(), t.TenantsBefore.Names())
	if reach.Added+reach.Touched() == 0 {
		return &Invalid{Field: "tenants", Message: "no import is there to roll back"}
	}
	t.Tenants, t.TenantsBefore, t.decided = t.TenantsBefore, t.Tenants, true
	t.event(EventTenants, Event{Text: fmt.Sprintf("tenants rolled back: %d come back, %d move, %d go; %d now, %d before", reach.Added, reach.Moved, reach.Removed, reach.After, reach.Before)})
	return nil
}

// parseRows reads the parts of an import.
func parseRows(parts []string) ([]fleet.TenantChange, error) {
	n := 0
	for _, p := range parts {
		n += strings.Count(p, ",")
	}
	out := make([]fleet.TenantChange, 0, n)
	for _, p := range parts {
		for p != "" {
			row, rest, ok := strings.Cut(p, ",")
			domain, service, two := strings.Cut(row, " ")
			if !ok || !two {
				return nil, &Invalid{Field: "tenants", Message: fmt.Sprintf("a row cannot be read: %.80q", row)}
			}
			if service == "-" {
				service = ""
			}
			out = append(out, fleet.TenantChange{Domain: fleet.TenantID(domain), Service: fleet.ServiceID(service)})
			p = rest
		}
	}
	return out, nil
}

// TenantRows writes changes in the form of TenantChange.Rows, in parts of at
// most so many octets.
func TenantRows(changes []fleet.TenantChange, most int) []string {
	var parts []string
	var b strings.Builder
	for _, c := range changes {
		service := string(c.Service)
		if service == "" {
			service = "-"
		}
		if b.Len()+len(c.Domain)+len(service)+2 > most && b.Len() > 0 {
			parts = append(parts, b.String())
			b.Reset()
		}
		b.WriteString(string(c.Domain))
		b.WriteByte(' ')
		b.WriteString(service)
		b.WriteByte(',')
	}
	return append(parts, b.String())
}

// tenantsInUse refuses a fleet that takes away a service with tenants, or a name
// that a tenant has.
func (t *transition) tenantsInUse(f *fleet.Fleet) error {
	for _, s := range t.Tenants.Names().Services() {
		if f.Service(s.Service) == nil {
			return &Invalid{Field: "fleet.services", Message: fmt.Sprintf("the new fleet lacks %s, which has %d tenants", s.Service, s.Tenants), Hint: "move them first: sipsteer tenant export, then sipsteer tenant import FILE"}
		}
	}
	names := []string{}
	for i := range f.Sites {
		names = append(names, f.HostName(&f.Sites[i]))
	}
	for i := range f.Services {
		names = append(names, string(f.Services[i].Name))
	}
	for _, ns := range f.NameServers {
		names = append(names, f.FQDN(ns.Name))
	}
	for _, n := range names {
		if _, taken := t.Tenants.Names().Service(fleet.TenantID(strings.TrimSuffix(n, "."))); taken {
			return &Invalid{Field: "fleet", Message: fmt.Sprintf("%s is the name of a tenant", n), Hint: "choose another name, or remove the tenant"}
		}
	}
	return nil
}
