package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// ParentServer is a name server of the zone above, and what it says of ours.
type ParentServer struct {
	Address string   `json:"address"`
	Name    string   `json:"name,omitempty"`    // "" where the address is configured
	DS      []string `json:"ds,omitempty"`      // data of the DS records
	Problem string   `json:"problem,omitempty"` // why there is no answer; DS says nothing then
}

// Names reports whether a key of the zone is among those that the server names.
func (p ParentServer) Names(s steer.State, k steer.ZoneKey) bool {
	origin := s.Fleet.FQDN(s.Fleet.Zone + ".")
	return slices.ContainsFunc(p.DS, func(ds string) bool { return k.Key().NamedBy(origin, ds) })
}

// Words says what the server says.
func (p ParentServer) Words(s steer.State) string {
	if p.Problem != "" {
		return p.Problem
	}
	if len(p.DS) == 0 {
		return "names no key"
	}
	origin := s.Fleet.FQDN(s.Fleet.Zone + ".")
	var names []string
	for _, ds := range p.DS {
		tag, _, _ := strings.Cut(ds, " ")
		name := "a key " + tag + " that the zone does not have"
		if slices.ContainsFunc(s.ZoneKeys, func(k steer.ZoneKey) bool { return k.Key().NamedBy(origin, ds) }) {
			name = "key " + tag
		}
		if !slices.Contains(names, name) { // one key by two digests
			names = append(names, name)
		}
	}
	return "names " + strings.Join(names, ", ")
}

// parent judges what the zone above says of the zone's keys.
func (r *readiness) parent(servers []ParentServer) {
	for _, p := range servers {
		r.parentServer(p)
	}
	if len(servers) == 0 {
		return
	}
	all := func(says func(ParentServer) bool) bool {
		return !slices.ContainsFunc(servers, func(p ParentServer) bool { return p.Problem != "" || !says(p) })
	}
	for _, k := range r.s.ZoneKeys {
		tag := k.Key().Tag()
		f := Finding{Grade: Warning, Topic: "dnssec", Subject: fmt.Sprintf("key %d", tag)}
		switch {
		case k.Stage == steer.KeyReady && all(func(p ParentServer) bool { return p.Names(r.s, k) }):
			f.Next = fmt.Sprintf("sipsteer dns key confirm %d", tag)
			r.add(f, "the zone above names key %d: it may sign now", tag)
		case k.Stage == steer.KeyLeaving && all(func(p ParentServer) bool { return len(p.DS) == 0 }):
			f.Next = fmt.Sprintf("sipsteer dns key gone %d", tag)
			r.add(f, "the zone above names no key any more: key %d may go", tag)
		}
	}
}

// parentServer judges what one name server of the zone above says.
func (r *readiness) parentServer(p ParentServer) {
	f := Finding{Grade: Warning, Topic: "dnssec", Subject: p.Address, Next: "sipsteer dns key list"}
	named := slices.ContainsFunc(r.s.ZoneKeys, func(k steer.ZoneKey) bool { return p.Names(r.s, k) })
	trusted := slices.ContainsFunc(r.s.ZoneKeys, func(k steer.ZoneKey) bool { return k.Stage == steer.KeyActive })
	switch {
	case p.Problem != "":
		r.add(f, "name server %s of the zone above: %s", p.Address, p.Problem)
	case len(p.DS) > 0 && !named:
		f.Grade, f.Next = Broken, "sipsteer dns ds   # the record that should be there; without keys: have the DS records taken out"
		r.add(f, "name server %s of the zone above %s: resolvers that validate take all answers for forged", p.Address, p.Words(r.s))
	case len(p.DS) == 0 && trusted:
		f.Next = "sipsteer dns ds   # the record that should be there"
		r.add(f, "name server %s of the zone above names no key: nobody can prove the answers", p.Address)
	}
}
