package steer

import (
	"fmt"
	"slices"
)

// A zone is unsigned in order when the zone above names no key before the
// signatures go: first CDS and CDNSKEY ask for that (RFC 8078 §4), then a person
// says that it is so, then the key signs on until no cache can hold the DS record
// any more. To confirm the key again turns back, until that person has spoken.

// unsigning reports whether the zone above is asked to name no key.
func (s State) unsigning() bool {
	return slices.ContainsFunc(s.ZoneKeys, func(k ZoneKey) bool { return k.Stage == KeyLeaving })
}

// keyUnsign begins: the key that the zone above may name leaves.
func (t *transition) keyUnsign() error {
	if len(t.ZoneKeys) == 0 {
		return &Invalid{Field: "key", Message: "the zone is not signed"}
	}
	if t.unsigning() {
		return nil // repeating is harmless
	}
	var named []int
	for i, k := range t.ZoneKeys {
		switch tag := k.Key().Tag(); k.Stage {
		case KeyPublished:
			return &Invalid{
				Field: "key", Message: fmt.Sprintf("key %d was only published: nobody names it yet", tag),
				Hint: fmt.Sprintf("sipsteer dns key drop %d --reason %q   # first", tag, t.cmd.Reason),
			}
		case KeyReady, KeyActive:
			named = append(named, i)
		}
	}
	switch len(named) {
	case 0:
		return &Invalid{Field: "key", Message: "the last key is retired: the zone is unsigned when it is gone", Hint: "sipsteer dns key list   # says when"}
	case 2:
		tag := t.ZoneKeys[named[1]].Key().Tag()
		return &Invalid{
			Field: "key", Message: fmt.Sprintf("a roll-over to key %d is under way: the zone above may name either key", tag),
			Hint: fmt.Sprintf("sipsteer dns key confirm %d --reason %q   # end it first", tag, t.cmd.Reason),
		}
	}
	keys := slices.Clone(t.ZoneKeys)
	k := &keys[named[0]]
	k.Stage, k.Since = KeyLeaving, t.Now
	t.setKeys(keys)
	t.event(EventKey, Event{Text: fmt.Sprintf("the zone above is asked to name no key (CDS 0 0 0 00); key %d signs until it does not, and %s longer", k.Key().Tag(), keyRetireWait)})
	return nil
}

// keyGone: the zone above names the key no more; caches may, for a while.
func (t *transition) keyGone(i int) error {
	k := t.ZoneKeys[i]
	tag := k.Key().Tag()
	switch k.Stage {
	case KeyRetired:
		return nil // repeating is harmless
	case KeyLeaving:
	default:
		return &Invalid{
			Field: "key", Message: fmt.Sprintf("key %d is %s: the zone above is not asked to name no key", tag, k.Stage),
			Hint: fmt.Sprintf("sipsteer dns key unsign --reason %q   # first", t.cmd.Reason),
		}
	}
	t.keyOverrides(tag)
	keys := slices.Clone(t.ZoneKeys)
	keys[i].Stage, keys[i].Since = KeyRetired, t.Now
	t.setKeys(keys)
	t.event(EventKey, Event{Text: fmt.Sprintf("the zone above names no key; key %d signs for %s more, for caches that have its DS record", tag, keyRetireWait)})
	return nil
}
