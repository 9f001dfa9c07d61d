package steer

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// LoudSource is one that sends far more to the gate of a site than it usually
// does and than others do.
type LoudSource struct {
	Prefix netip.Prefix
	Site   fleet.SiteID
	Text   string // why, for people
}

// Spared is a source that automation kept out and a person let in again: it is
// left alone until the block is over.
type Spared struct {
	Prefix netip.Prefix `json:"prefix"`
	Site   fleet.SiteID `json:"site,omitempty"`
	Until  time.Time    `json:"until"`
}

func compareSpared(a, b Spared) int {
	return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), cmp.Compare(a.Site, b.Site))
}

// isolations keeps loud sources out where the policy says act.
func (d *decision) isolations() {
	policy := d.state.Fleet.Policy.Isolate.WithDefaults()
	if policy.Automation != fleet.AutomationAct {
		return
	}
	for _, l := range d.in.Loud {
		d.propose(Command{Kind: KindQuarantine, Source: l.Prefix, Site: l.Site, For: policy.For, Reason: l.Text})
	}
}

// guardIsolate is rule isolate: what automation may keep out.
func (t *transition) guardIsolate(p netip.Prefix) error {
	policy := t.Fleet.Policy.Isolate.WithDefaults()
	refuse := func(value, limit, next, format string, args ...any) error {
		return &Refusal{Rule: RuleIsolate, Hard: true, Text: fmt.Sprintf(format, args...), Value: value, Limit: limit, Next: next}
	}
	add := fmt.Sprintf("sipsteer gate quarantine add %s --for %s", p, policy.For)
	if policy.Automation != fleet.AutomationAct {
		return refuse("automation "+string(policy.Automation), "automation act", add, "policy.isolate does not let automation keep %s out", p)
	}
	for _, h := range t.Holds {
		if h.Service == "" {
			return refuse("held", "not held", add, "automation is held for the whole fleet by %s", h.Owner)
		}
	}
	if bits := 64; p.Addr().Is4() && !p.IsSingleIP() || p.Addr().Is6() && p.Bits() < bits {
		return refuse(fmt.Sprintf("/%d", p.Bits()), "one address, with IPv6 a /64", add, "%s is more than one source", p)
	}
	mine := 0
	for _, q := range t.Quarantines {
		if q.At(t.cmd.Site) && q.Prefix.Overlaps(p) {
			return refuse("kept out", "not kept out", "sipsteer gate quarantine list", "%s is kept out already, by %s", p, q.Owner)
		}
		if q.Owner == AutomationOwner {
			mine++
		}
	}
	if mine >= policy.MaxSources {
		return refuse(plural(mine, "source"), fmt.Sprintf("max_sources %d", policy.MaxSources), add, "automation keeps enough sources out: %s would be one more", p)
	}
	for _, s := range t.Spared {
		if s.Until.After(t.Now) && s.Prefix.Overlaps(p) && (s.Site == "" || s.Site == t.cmd.Site) {
			return refuse("let in by a person", "left alone until "+s.Until.UTC().Format(time.RFC3339), add, "%s was let in again after automation kept it out", p)
		}
	}
	return nil
}

// spare has automation leave a source alone that a person let in, and forgets
// those for whom that is over.
func (t *transition) spare(q Quarantine) {
	t.Spared = deleted(t.Spared, func(s Spared) bool { return !s.Until.After(t.Now) })
	if q.Owner != AutomationOwner || t.cmd.By == AutomationOwner || len(t.Spared) >= MaxQuarantines {
		return
	}
	s := Spared{Prefix: q.Prefix, Site: q.Site, Until: t.Now.Add(t.Fleet.Policy.Block.D())}
	t.Spared = inserted(t.Spared, s, compareSpared)
}
