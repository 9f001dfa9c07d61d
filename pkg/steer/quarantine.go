package steer

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Quarantine keeps the new work of a source out, at one site or at all, also
// while the site is open. Calls that are up and emergency calls pass.
type Quarantine struct {
	Prefix netip.Prefix `json:"prefix"`
	Site   fleet.SiteID `json:"site,omitempty"` // "" = all sites
	Intent
}

// At reports whether it is in force at a site.
func (q Quarantine) At(site fleet.SiteID) bool { return q.Site == "" || q.Site == site }

// MaxQuarantines bounds them: each costs every packet at a gate a little.
const MaxQuarantines = 256

// The widest networks that can be put into quarantine: what is wider is a
// decision about customers, not about a source.
const (
	widestQuarantine4 = 16
	widestQuarantine6 = 32
)

func compareQuarantines(a, b Quarantine) int {
	return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), cmp.Compare(a.Site, b.Site))
}

// quarantineCommand carries out the commands about quarantines.
func (t *transition) quarantineCommand() error {
	switch t.cmd.Kind {
	case KindQuarantine:
		return t.quarantine()
	case KindUnquarantine:
		return t.unquarantine()
	}
	return t.quarantineExpire()
}

// quarantine adds a source, or renews it.
func (t *transition) quarantine() error {
	p, err := t.source()
	if err != nil {
		return err
	}
	if err := guardIntent(t.cmd, t.Fleet.Policy.MaxFor.D()); err != nil {
		return err
	}
	if r := t.guardOwnSites(p); r != nil {
		return r
	}
	if t.cmd.By == AutomationOwner {
		if err := t.guardIsolate(p); err != nil {
			return err
		}
	}
	q := Quarantine{Prefix: p, Site: t.cmd.Site, Intent: t.intent()}
	_, known := slices.BinarySearchFunc(t.Quarantines, q, compareQuarantines)
	if !known && len(t.Quarantines) >= MaxQuarantines {
		return &Refusal{
			Rule: RuleReach, Hard: true, Text: "too many sources are in quarantine",
			Value: plural(len(t.Quarantines), "source"), Limit: fmt.Sprint(MaxQuarantines),
			Next: "sipsteer gate quarantine list   # then remove some, or take the network that they share",
		}
	}
	t.Quarantines = inserted(t.Quarantines, q, compareQuarantines)
	t.decided = true
	t.event(EventQuarantine, Event{Site: q.Site, Value: p.String(), Text: t.keptOut(q)})
	return nil
}

// keptOut says so; why, where nobody has typed it, and how it ends.
func (t *transition) keptOut(q Quarantine) string {
	text := fmt.Sprintf("new work from %s is kept out at %s until %s", q.Prefix, q.where(), q.Until.UTC().Format(time.RFC3339))
	if q.Owner != AutomationOwner {
		return text
	}
	next := "sipsteer gate quarantine remove " + q.Prefix.String()
	if q.Site != "" {
		next += " --site " + string(q.Site)
	}
	return text + ": " + q.Reason + "; " + next + " lets it in"
}

// unquarantine lets a source in again. Who was not kept out stays as he is.
func (t *transition) unquarantine() error {
	p, err := t.source()
	if err != nil {
		return err
	}
	for _, q := range t.Quarantines {
		if q.Prefix == p && (t.cmd.Site == "" || q.Site == t.cmd.Site) {
			t.decided = true
			t.spare(q)
			t.event(EventQuarantine, Event{Site: q.Site, Value: p.String(), Text: fmt.Sprintf("%s is let in again at %s (kept out by %s: %s)", p, q.where(), q.Owner, q.Reason)})
		}
	}
	t.Quarantines = deleted(t.Quarantines, func(q Quarantine) bool { return q.Prefix == p && (t.cmd.Site == "" || q.Site == t.cmd.Site) })
	return nil
}

// quarantineExpire ends those whose time is over.
func (t *transition) quarantineExpire() error {
	over := func(q Quarantine) bool { return !q.Until.After(t.Now) }
	for _, q := range t.Quarantines {
		if over(q) {
			t.decided = true
			t.event(EventExpired, Event{Site: q.Site, Value: q.Prefix.String(), Reason: q.Reason, Text: fmt.Sprintf("the quarantine of %s at %s by %s has ended by its time", q.Prefix, q.where(), q.Owner)})
		}
	}
	t.Quarantines = deleted(t.Quarantines, over)
	return nil
}

func (q Quarantine) where() string {
	if q.Site == "" {
		return "all sites"
	}
	return string(q.Site)
}

// source reads the network that a command is about, and its site.
func (t *transition) source() (netip.Prefix, error) {
	p := t.cmd.Source
	if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
		return p, &Invalid{Field: "source", Message: fmt.Sprintf("%s is no network", p), Hint: "an address such as 203.0.113.7, or a network such as 203.0.113.0/24"}
	}
	if t.cmd.Site != "" && t.Fleet.Site(t.cmd.Site) == nil {
		return p, &Invalid{Field: "site", Message: fmt.Sprintf("there is no site %q", t.cmd.Site), Hint: "sipsteer status   # lists the sites"}
	}
	return p, nil
}

// guardOwnSites is rule own-sites: the fleet's own addresses are never kept out,
// nor half of the world.
func (t *transition) guardOwnSites(p netip.Prefix) error {
	widest := widestQuarantine4
	if !p.Addr().Is4() {
		widest = widestQuarantine6
	}
	if p.Bits() < widest {
		return &Refusal{
			Rule: RuleOwnSites, Hard: true, Text: fmt.Sprintf("%s is wider than a source is", p),
			Value: fmt.Sprintf("/%d", p.Bits()), Limit: fmt.Sprintf("/%d or longer", widest),
			Next: "sipsteer gate quarantine add with the network of the source alone",
		}
	}
	for i := range t.Fleet.Sites {
		s := &t.Fleet.Sites[i]
		for _, a := range s.Addresses {
			if p.Contains(a) {
				return ownAddress(p, a, "site "+string(s.Name))
			}
		}
		for _, sw := range s.Softswitches {
			for _, l := range sw.Listeners {
				if p.Contains(l.Address.Addr()) {
					return ownAddress(p, l.Address.Addr(), "softswitch "+string(sw.Name))
				}
			}
		}
	}
	return nil
}

func ownAddress(p netip.Prefix, a netip.Addr, whose string) error {
	return &Refusal{
		Rule: RuleOwnSites, Hard: true, Text: fmt.Sprintf("%s holds the address of %s: the fleet would cut itself off", p, whose),
		Value: a.String() + " is in it", Limit: "no address of the fleet's own",
		Next: "sipsteer gate quarantine add with a network without " + a.String(),
	}
}
