package steer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// apexText is what the zone says at its own name.
func apexText(s steer.State, t srv.Type) string {
	z := steer.Records(s)
	set, _ := z.Lookup(z.Origin, t)
	var text []string
	for _, d := range set.Data {
		text = append(text, d.String())
	}
	return strings.Join(text, ", ")
}

// signedZone has one key, which the zone above names, and one before it that
// caches may need.
func signedZone(t *testing.T) *guarded {
	g := newGuarded(t, nil)
	for _, k := range []byte{'a', 'b'} {
		g.must(addKey(k))
		g.step(2 * time.Hour)
		g.must(aboutKey(steer.KindKeyConfirm, k))
	}
	return g
}

// TestUnsignInOrder: the zone is signed for as long as the zone above, or a
// cache, may name its key (RFC 8078 §4).
func TestUnsignInOrder(t *testing.T) {
	g := signedZone(t)
	check := func(moment, cds, cdnskey string, keys ...string) {
		t.Helper()
		if got := stages(g.s); !slices.Equal(got, keys) {
			t.Errorf("%s: %q, want %q", moment, got, keys)
		}
		if got := apexText(g.s, srv.TypeCDS); got != cds && (cds != "a key" || !strings.Contains(got, " 13 2 ")) {
			t.Errorf("%s: CDS %q, want %q", moment, got, cds)
		}
		if got := apexText(g.s, srv.TypeCDNSKEY); got != cdnskey && (cdnskey != "a key" || !strings.Contains(got, "257 3 13 ")) {
			t.Errorf("%s: CDNSKEY %q, want %q", moment, got, cdnskey)
		}
		z := steer.Records(g.s)
		if err := z.Check(); err != nil {
			t.Errorf("%s: %v", moment, err)
		}
	}
	const noDS, noKey = "0 0 0 00", "0 3 0 AA=="
	check("signed", "a key", "a key", "a retired", "b active signs")
	g.must(steer.Command{Kind: steer.KindKeyUnsign})
	check("asked for", noDS, noKey, "a retired", "b leaving signs")
	epoch := g.s.Epoch
	g.must(steer.Command{Kind: steer.KindKeyUnsign})
	if g.s.Epoch != epoch {
		t.Error("asked for twice: another epoch")
	}
	g.must(aboutKey(steer.KindKeyConfirm, 'b'))
	check("turned back", "a key", "a key", "a retired", "b active signs")
	g.must(steer.Command{Kind: steer.KindKeyUnsign})
	g.step(30 * 24 * time.Hour)
	check("nobody took the DS record out", noDS, noKey, "b leaving signs")
	g.must(aboutKey(steer.KindKeyGone, 'b'))
	check("it is out", "", "", "b retired signs")
	g.must(aboutKey(steer.KindKeyGone, 'b')) // repeating is harmless
	g.step(48*time.Hour - time.Second)
	check("caches may have it", "", "", "b retired signs")
	if z := steer.Records(g.s); len(z.Keys) != 1 {
		t.Errorf("the zone has %d keys", len(z.Keys))
	}
	g.step(time.Second)
	check("unsigned", "", "")
	if z := steer.Records(g.s); len(z.Keys) != 0 || apexText(g.s, srv.TypeDNSKEY) != "" {
		t.Error("the zone is still signed")
	}
	if last := g.s.Events[len(g.s.Events)-1]; last.Kind != steer.EventKey || !strings.Contains(last.Text, "not signed any more") {
		t.Errorf("the last event is %+v", last)
	}
	g.must(addKey('c')) // and it may be signed again
}

// Two retired keys: the one that was named last signs, since the other goes
// first.
func TestLastKeySignsToTheEnd(t *testing.T) {
	g := signedZone(t)
	g.must(steer.Command{Kind: steer.KindKeyUnsign})
	g.must(aboutKey(steer.KindKeyGone, 'b'))
	if got := stages(g.s); !slices.Equal(got, []string{"a retired", "b retired signs"}) {
		t.Errorf("%q", got)
	}
}

// A zone that cannot be unsigned yet says what to do first.
func TestUnsignAtTheWrongMoment(t *testing.T) {
	g := newGuarded(t, nil)
	refused := func(what string, c steer.Command, says, hint string) {
		t.Helper()
		var invalid *steer.Invalid
		if err := g.apply(c); !errors.As(err, &invalid) || !strings.Contains(err.Error(), says) || !strings.Contains(invalid.Hint, hint) {
			t.Errorf("%s: %v (%+v)", what, err, invalid)
		}
	}
	unsign := steer.Command{Kind: steer.KindKeyUnsign}
	refused("no key", unsign, "not signed", "")
	g.must(addKey('a'))
	refused("nobody names it yet", unsign, "only published", "dns key drop")
	g.step(2 * time.Hour)
	g.must(unsign) // whoever looks at CDS may name it by now
	refused("a roll-over meanwhile", addKey('b'), "one roll-over at a time", "")
	g.must(aboutKey(steer.KindKeyConfirm, 'a'))
	refused("gone, and never asked for", aboutKey(steer.KindKeyGone, 'a'), "not asked", "dns key unsign")
	g.must(addKey('b'))
	g.step(2 * time.Hour)
	refused("in the middle of a roll-over", unsign, "roll-over", "dns key confirm")
	if n := unsign.Needs(); n != 3 {
		t.Errorf("version %d", n)
	}
}
