package srv

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// AddBeside adds the sets of a zone that an operator wrote to the steered one,
// and returns why some of them are left out: what is steered goes first,
// always. Left out are sets at names that the zone has already (but for the
// apex), below services and tenants, and delegations of what is steered. The
// zone may be checked and served afterwards; o is not changed.
func (z *Zone) AddBeside(o *Zone) (leftOut []string) {
	taken, above, services := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range z.Sets {
		taken[s.Name] = true
		for name := parentOf(s.Name); name != z.Origin && name != ""; name = parentOf(name) {
			above[name] = true
		}
	}
	for _, k := range z.Steered {
		services[withoutUnderscores(k.Name)] = true
	}
	sets := slices.Clone(z.Sets)
	for _, s := range o.Sets {
		why := ""
		switch {
		case s.Name == z.Origin && (s.Type == TypeNS || s.Type == TypeCNAME):
			why = "the program makes the NS set of the zone"
		case s.Name != z.Origin && taken[s.Name]:
			why = "the program makes the records of this name"
		case s.Type == TypeNS && s.Name != z.Origin && above[s.Name]:
			why = "what is steered would be delegated with it"
		default:
			why = z.belongs(s.Name, services)
		}
		if why != "" {
			leftOut = append(leftOut, fmt.Sprintf("%s: %s", s.Key(), why))
			continue
		}
		sets = append(sets, s)
	}
	z.Sets = sets
	z.Sort()
	return leftOut
}

// belongs says whose a name is: a service's or a tenant's, or one below it.
func (z *Zone) belongs(name string, services map[string]bool) string {
	for ; name != z.Origin && name != ""; name = parentOf(name) {
		if services[name] {
			return "it lies below the service " + name
		}
		if _, ok := z.Tenants.Service(fleet.TenantID(strings.TrimSuffix(name, "."))); ok {
			return "it is or lies below the tenant " + name
		}
	}
	return ""
}

func parentOf(name string) string {
	_, parent, _ := strings.Cut(name, ".")
	return parent
}

func withoutUnderscores(name string) string {
	for strings.HasPrefix(name, "_") {
		name = parentOf(name)
	}
	return name
}
