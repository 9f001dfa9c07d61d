package steer_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// publicKey is no point on any curve: the core does not sign.
func publicKey(n byte) []byte { return bytes.Repeat([]byte{n}, 64) }

func keyTag(n byte) uint16 { return srv.SigningKey{Public: string(publicKey(n))}.Tag() }

func addKey(n byte) steer.Command {
	return steer.Command{Kind: steer.KindKeyAdd, Key: &steer.KeyChange{Public: publicKey(n), Sealed: "sealed"}}
}

func aboutKey(kind steer.Kind, n byte) steer.Command {
	return steer.Command{Kind: kind, Key: &steer.KeyChange{Tag: keyTag(n)}}
}

// step lets time pass, and the leader do what is due then.
func (g *guarded) step(d time.Duration) {
	g.t.Helper()
	g.now = g.now.Add(d)
	for _, c := range steer.Decide(g.s, steer.Input{Now: g.now, Settled: true}) {
		g.must(c)
	}
}

// stages writes down the keys: their tags, stages, and which one signs.
func stages(s steer.State) (out []string) {
	for i, k := range s.SigningKeys() {
		text := string(s.ZoneKeys[i].Public[:1]) + " " + string(s.ZoneKeys[i].Stage)
		if k.Signs {
			text += " signs"
		}
		out = append(out, text)
	}
	return out
}

// trusted lists the keys that a type of record names.
func trusted(s steer.State, t srv.Type) (out []string) {
	z := steer.Records(s)
	set, _ := z.Lookup(z.Origin, t)
	for _, d := range set.Data {
		for _, k := range s.ZoneKeys {
			if text := d.String(); text == k.Key().DNSKEY(t).Text || text == k.Key().DS(z.Origin, t).Text {
				out = append(out, string(k.Public[:1]))
			}
		}
	}
	return out
}

// The life of two keys, from the first signature to the end of a roll-over: at
// no moment is a key named by the zone above, or needed by a cache, that is not
// there.
func TestKeyRollOver(t *testing.T) {
	g := newGuarded(t, nil)
	check := func(moment string, keys []string, cds ...string) {
		t.Helper()
		if got := stages(g.s); !slices.Equal(got, keys) {
			t.Errorf("%s: %q, want %q", moment, got, keys)
		}
		if got := trusted(g.s, srv.TypeCDS); !slices.Equal(got, cds) {
			t.Errorf("%s: CDS names %q, want %q", moment, got, cds)
		}
		if got := trusted(g.s, srv.TypeCDNSKEY); !slices.Equal(got, cds) {
			t.Errorf("%s: CDNSKEY names %q, want %q", moment, got, cds)
		}
		if got := trusted(g.s, srv.TypeDNSKEY); len(got) != len(keys) {
			t.Errorf("%s: DNSKEY has %q", moment, got)
		}
		z := steer.Records(g.s)
		if err := z.Check(); err != nil {
			t.Errorf("%s: %v", moment, err)
		}
	}
	check("at first", nil)
	epoch := g.s.Epoch
	g.must(addKey('a'))
	if g.s.Epoch != epoch+1 {
		t.Errorf("epoch %d after %d", g.s.Epoch, epoch)
	}
	check("the first key", []string{"a published signs"})
	g.step(2*time.Hour - time.Second)
	check("before its time", []string{"a published signs"})
	if due, ok := steer.NextDue(g.s, g.now); !ok || due.Sub(g.now) != time.Second {
		t.Errorf("next due %s, %v", due, ok)
	}
	g.step(time.Second)
	check("no cache is without it", []string{"a ready signs"}, "a")
	g.must(aboutKey(steer.KindKeyConfirm, 'a'))
	check("the zone above names it", []string{"a active signs"}, "a")
	g.must(addKey('b'))
	check("the next key", []string{"a active signs", "b published"}, "a")
	g.step(2 * time.Hour)
	check("it may be named", []string{"a active signs", "b ready"}, "b")
	g.must(aboutKey(steer.KindKeyConfirm, 'b'))
	check("it is named", []string{"a retired", "b active signs"}, "b")
	g.step(48*time.Hour - time.Second)
	check("caches need the old one", []string{"a retired", "b active signs"}, "b")
	g.step(time.Second)
	check("at the end", []string{"b active signs"}, "b")
	if !slices.ContainsFunc(g.s.Events, func(e *steer.Event) bool { return e.Kind == steer.EventKey && strings.Contains(e.Text, "gone") }) {
		t.Error("no event tells that the old key is gone")
	}
}

// What makes no sense is refused, and what is repeated is harmless.
func TestKeyCommandsThatMakeNoSense(t *testing.T) {
	g := newGuarded(t, nil)
	refused := func(what string, c steer.Command, says string) {
		t.Helper()
		var invalid *steer.Invalid
		if err := g.apply(c); !errors.As(err, &invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("a key that is none", steer.Command{Kind: steer.KindKeyAdd, Key: &steer.KeyChange{Public: []byte{1}, Sealed: "x"}}, "no key")
	refused("nothing", steer.Command{Kind: steer.KindKeyAdd}, "no key")
	refused("an unknown one", aboutKey(steer.KindKeyConfirm, 'x'), "has no key")
	g.must(addKey('a'))
	refused("two at a time", addKey('b'), "one roll-over at a time")
	g.step(2 * time.Hour)
	g.must(aboutKey(steer.KindKeyConfirm, 'a'))
	epoch := g.s.Epoch
	g.must(aboutKey(steer.KindKeyConfirm, 'a'))
	if g.s.Epoch != epoch {
		t.Error("confirmed twice: another epoch")
	}
	refused("the same again", addKey('a'), "already")
	g.must(addKey('b'))
	refused("the one that signs", aboutKey(steer.KindKeyDrop, 'a'), "signs the zone")
	g.must(aboutKey(steer.KindKeyDrop, 'b')) // nobody knows it yet
	drop := aboutKey(steer.KindKeyDrop, 'a')
	drop.Override = []steer.Rule{steer.RuleKeyTrust}
	g.must(drop)
	if z := steer.Records(g.s); len(z.Keys) > 0 || len(g.s.ZoneKeys) > 0 {
		t.Errorf("keys are left: %v", stages(g.s))
	}
}

// Keys need version 2 of the commands, and mark the State: an older program
// refuses both. Nothing else does.
func TestKeysNeedTheirVersion(t *testing.T) {
	g := newGuarded(t, nil)
	c := addKey('a')
	if n := c.Needs(); n != 2 {
		t.Errorf("version %d", n)
	}
	if n := (steer.Command{Kind: steer.KindDrain}).Needs(); n != 1 || g.s.Format != 1 {
		t.Errorf("a drain needs version %d, the State has format %d", n, g.s.Format)
	}
	c.Version, c.At, c.By, c.Reason = c.Needs(), g.now, "alice", "because"
	s, _, err := steer.Apply(g.s, c)
	if err != nil || s.Format != 2 {
		t.Errorf("format %d, %v", s.Format, err)
	}
}
