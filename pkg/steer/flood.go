package steer

import (
	"net/netip"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// versionFloods is the first version of commands that knows of floods.
const versionFloods = 4

// MaxFloods bounds what is remembered of them: eight for each gate, at sixteen
// sites that fail at one time.
const MaxFloods = 128

// floods tells the State which sources are loud at the gates of sites where checks
// fail: those that several sites have in common hold automation back. Such a source
// is watched at the other gates too, to which it may follow the phones. What is
// loud where all is well is nobody's cause, and is not written.
func (d *decision) floods() {
	var loud []health.Flood
	for _, l := range d.in.Loud {
		loud = append(loud, health.Flood{Prefix: l.Prefix, Site: l.Site})
	}
	slices.SortFunc(loud, health.Flood.Compare)
	loud = slices.CompactFunc(loud, sameFlood)
	now := d.state.watched(loud, d.state.Floods)
	now = now[:min(len(now), MaxFloods)]
	var known []health.Flood
	for _, f := range d.state.Floods {
		if f.Over.IsZero() {
			known = append(known, f)
		}
	}
	if !slices.EqualFunc(now, known, sameFlood) {
		d.propose(Command{Kind: KindFloods, Floods: now})
	}
}

func sameFlood(a, b health.Flood) bool { return a.Compare(b) == 0 }

// watched are those of sources at a site that fails, or of which others has
// one at such a site.
func (s *State) watched(floods, others []health.Flood) []health.Flood {
	var at []netip.Prefix
	for _, f := range slices.Concat(floods, others) {
		if s.fails(f.Site) {
			at = append(at, f.Prefix)
		}
	}
	return deleted(floods, func(f health.Flood) bool { return !slices.Contains(at, f.Prefix) })
}

// fails reports whether any check is down at a site, for whatever reason: what is
// remembered of a source there says nothing yet.
func (s *State) fails(site fleet.SiteID) bool {
	return slices.ContainsFunc(s.Verdicts, func(v health.Verdict) bool { return v.Status == health.Down && v.Check.Site == site })
}

// floods takes over which sources are loud now. Those that are no more are
// remembered while their site fails, as long as there is room.
func (t *transition) floods() error {
	var loud, over []health.Flood
	for _, f := range t.cmd.Floods {
		if !f.Prefix.IsValid() || t.Fleet.Site(f.Site) == nil {
			return &Invalid{Field: "floods", Message: "names no source at a site of the fleet: " + f.Prefix.String() + " at " + string(f.Site)}
		}
		loud = append(loud, health.Flood{Prefix: f.Prefix, Site: f.Site, Since: t.Now})
	}
	slices.SortFunc(loud, health.Flood.Compare)
	loud = slices.CompactFunc(loud, sameFlood)
	loud = loud[:min(len(loud), MaxFloods)]
	for _, old := range t.Floods {
		if i, found := slices.BinarySearchFunc(loud, old, health.Flood.Compare); found {
			loud[i].Since = old.Since
			continue
		}
		if old.Over.IsZero() {
			old.Over = t.Now
		}
		over = append(over, old)
	}
	over = over[:min(len(over), MaxFloods-len(loud))]
	t.Floods = merged(loud, over, health.Flood.Compare)
	return nil
}

// dropFloods forgets the sources that flood no failing site any more.
func (t *transition) dropFloods() {
	if len(t.Floods) > 0 {
		t.Floods = t.watched(t.Floods, nil)
	}
}
