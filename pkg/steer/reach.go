package steer

import (
	"fmt"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// NameReach is how many steered names, services and their tenants, are answered
// in another way.
type NameReach struct {
	Touched int `json:"touched"`
	Of      int `json:"of"` // names before
}

// Limit is how many may be touched without saying so.
func (r NameReach) Limit() int { return max(reachLeast, r.Of*reachPercent/100) }

// Percent is the share of the names that is touched.
func (r NameReach) Percent() int {
	if r.Of == 0 {
		return 0
	}
	return (100*r.Touched + r.Of - 1) / r.Of
}

// FleetReach compares what is answered for the names that there are before.
func FleetReach(before, after State) NameReach {
	if before.Fleet == nil || after.Fleet == nil {
		return NameReach{}
	}
	was, is := Records(before), Records(after)
	changed := map[string]bool{}
	for _, z := range [][2]*srv.Zone{{&was, &is}, {&is, &was}} {
		for _, set := range z[0].Sets {
			if other, ok := z[1].Lookup(set.Name, set.Type); !ok || !sameSet(set, other) {
				changed[withoutLabels(set.Name)] = true
			}
		}
	}
	tenants := map[fleet.ServiceID]int{}
	for _, s := range before.Tenants.Names().Services() {
		tenants[s.Service] = s.Tenants
	}
	var r NameReach
	for i := range before.Fleet.Services {
		name := before.Fleet.Services[i].Name
		n := 1 + tenants[name]
		r.Of += n
		if changed[srv.ServiceOwner(name)] {
			r.Touched += n
		}
	}
	return r
}

// Reaches reports whether a person's command of the kind has names answered in
// another way, beside those that bring a table or a fleet file.
func (k Kind) Reaches() bool {
	switch k {
	case KindDrain, KindUndrain, KindFailover, KindFailback, KindApprove, KindRollback:
		return true
	}
	return false
}

// ActReach is FleetReach of such a command: of one about a cohort, the tenants in it.
func ActReach(before, after State, c Command) NameReach {
	r := FleetReach(before, after)
	if c.Cohort.IsZero() || before.Fleet == nil {
		return r
	}
	r.Touched = 0
	if sameAnswers(&before, &after, nil, nil) {
		return r
	}
	var last fleet.ServiceID
	for _, slot := range SlotsOf(before.Fleet, c.Site, c.Service, c.Transport) { // ordered by service
		if slot.Service != last {
			r.Touched += TenantsOf(before, slot.Service, c.Cohort)
		}
		last = slot.Service
	}
	return r
}

// Asked reports whether the policy wants who does it to know the number.
func (r NameReach) Asked(p fleet.Policy) bool {
	return p.TouchesAbove > 0 && r.Touched > 0 && r.Percent() > p.TouchesAbove
}

// withoutLabels takes the labels in front away that begin with an underscore.
func withoutLabels(name string) string {
	for strings.HasPrefix(name, "_") {
		_, name, _ = strings.Cut(name, ".")
	}
	return name
}

func sameSet(a, b srv.RRset) bool {
	if a.TTL != b.TTL || len(a.Data) != len(b.Data) {
		return false
	}
	for i := range a.Data {
		if !srv.EqualData(a.Data[i], b.Data[i]) {
			return false
		}
	}
	return true
}

// guardFleetReach: who changes the answers of many names says how many.
func (t *transition) guardFleetReach(before State) *Refusal {
	r := FleetReach(before, t.State)
	said := 0
	if t.cmd.Tenants != nil {
		said = t.cmd.Tenants.Touches
	}
	if r.Touched <= r.Limit() || said == r.Touched {
		return nil
	}
	return &Refusal{
		Rule: RuleReach, Hard: true, Text: fmt.Sprintf("the new fleet file touches %d %% of the names", r.Percent()),
		Value: fmt.Sprintf("%d of %d services and tenants are answered in another way", r.Touched, r.Of), Limit: fmt.Sprintf("%d without --touches", r.Limit()),
		Next: fmt.Sprintf("sipsteer plan fleet FILE --touches %d --out fleet.plan   # if that is what you want; then: sipsteer apply fleet.plan", r.Touched),
	}
}
