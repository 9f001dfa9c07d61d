package steer_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func keepOut(source string, site fleet.SiteID, d time.Duration) steer.Command {
	return steer.Command{Kind: steer.KindQuarantine, Source: netip.MustParsePrefix(source), Site: site, For: fleet.Duration(d)}
}

// TestQuarantine: it has an owner, a reason and an end, is renewed by a second
// one, ends by a person or by its time, and raises the epoch, so that its effect
// can be waited for.
func TestQuarantine(t *testing.T) {
	g := newGuarded(t, nil)
	before := g.s.Epoch
	g.must(keepOut("203.0.113.7/32", "", time.Hour))
	g.must(keepOut("203.0.113.7/32", "", 2*time.Hour))
	g.must(keepOut("198.51.100.0/24", "calgary", 10*time.Minute))
	if g.s.Epoch != before+3 || len(g.s.Quarantines) != 2 {
		t.Fatalf("epoch %d to %d, %+v", before, g.s.Epoch, g.s.Quarantines)
	}
	q := g.s.Quarantines[1]
	if q.Owner != "alice" || q.Reason != "because" || !q.Until.Equal(g.now.Add(2*time.Hour)) || !q.At("ottawa") || g.s.Quarantines[0].At("ottawa") || !g.s.Quarantines[0].At("calgary") {
		t.Errorf("%+v", g.s.Quarantines)
	}
	if due, ok := steer.NextDue(g.s, g.now); !ok || !due.Equal(g.now.Add(10*time.Minute)) {
		t.Errorf("next due %v", due)
	}
	if got := steer.Decide(g.s, steer.Input{Now: g.now.Add(9 * time.Minute)}); len(got) != 0 {
		t.Errorf("before its end: %+v", got)
	}
	g.now = g.now.Add(10 * time.Minute)
	got := steer.Decide(g.s, steer.Input{Now: g.now})
	if len(got) != 1 || got[0].Kind != steer.KindQuarantineExpire {
		t.Fatalf("at its end: %+v", got)
	}
	g.must(got[0])
	if len(g.s.Quarantines) != 1 {
		t.Errorf("left: %+v", g.s.Quarantines)
	}
	elsewhere := steer.Command{Kind: steer.KindUnquarantine, Source: q.Prefix, Site: "calgary"}
	g.must(elsewhere)
	if len(g.s.Quarantines) != 1 {
		t.Error("one for all sites was ended for one")
	}
	g.must(steer.Command{Kind: steer.KindUnquarantine, Source: q.Prefix})
	if len(g.s.Quarantines) != 0 {
		t.Errorf("left: %+v", g.s.Quarantines)
	}
	last := g.s.Events[len(g.s.Events)-1]
	if last.Kind != steer.EventQuarantine || !strings.Contains(last.Text, "let in again at all sites") {
		t.Errorf("%+v", last)
	}
	g.must(steer.Command{Kind: steer.KindUnquarantine, Source: q.Prefix}) // harmless
}

// TestQuarantineIsBounded: by its width, by its number, by its time.
func TestQuarantineIsBounded(t *testing.T) {
	g := newGuarded(t, nil)
	var r *steer.Refusal
	var invalid *steer.Invalid
	for source, ok := range map[string]bool{"203.0.0.0/16": true, "203.0.0.0/15": false, "0.0.0.0/0": false, "2001:db8::/32": true, "2000::/31": false} {
		if err := g.apply(keepOut(source, "", time.Hour)); ok != (err == nil) || !ok && (!errors.As(err, &r) || r.Rule != steer.RuleOwnSites) {
			t.Errorf("%s: %v", source, err)
		}
	}
	if err := g.apply(keepOut("203.0.113.7/32", "", 100*time.Hour)); !errors.As(err, &r) || r.Rule != steer.RuleExpires {
		t.Errorf("for too long: %v", err)
	}
	if err := g.apply(keepOut("203.0.113.7/32", "atlantis", time.Hour)); !errors.As(err, &invalid) || invalid.Field != "site" {
		t.Errorf("nowhere: %v", err)
	}
	if err := g.apply(steer.Command{Kind: steer.KindQuarantine, For: fleet.Duration(time.Hour)}); !errors.As(err, &invalid) || invalid.Field != "source" {
		t.Errorf("nobody: %v", err)
	}
	for i := range steer.MaxQuarantines {
		_ = g.apply(steer.Command{Kind: steer.KindQuarantine, Source: netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, byte(i), 1}), 32), For: fleet.Duration(time.Hour)})
	}
	if err := g.apply(keepOut("192.0.2.200/32", "", time.Hour)); !errors.As(err, &r) || r.Rule != steer.RuleReach || len(g.s.Quarantines) != steer.MaxQuarantines {
		t.Errorf("one too many: %v, %d", err, len(g.s.Quarantines))
	}
	if err := g.apply(keepOut("198.51.3.1/32", "", 2*time.Hour)); err != nil {
		t.Errorf("one is renewed: %v", err)
	}
}

// TestQuarantineNeedsItsVersion: an agent that does not know it would stop.
func TestQuarantineNeedsItsVersion(t *testing.T) {
	for _, k := range []steer.Kind{steer.KindQuarantine, steer.KindUnquarantine, steer.KindQuarantineExpire} {
		if n := (steer.Command{Kind: k}).Needs(); n != 2 {
			t.Errorf("%s needs version %d", k, n)
		}
	}
}
