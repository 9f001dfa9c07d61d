package steer

import (
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// ZoneKey signs the zone. One key both signs the records and is what the zone
// above trusts: with online signing all halves are on the same machines, so a
// second key would protect nothing, and there is one roll-over to do instead of
// two (RFC 6781 §3.1, §4.1.3).
type ZoneKey struct {
	Public []byte `json:"public"` // RFC 6605 §4
	// Sealed is the private half, for agents that have the sealing key.
	Sealed string    `json:"sealed"`
	Stage  KeyStage  `json:"stage"`
	Since  time.Time `json:"since"` // of the stage
	By     string    `json:"by"`    // who made it
}

// KeyStage is how far a key of the zone has come.
type KeyStage string

// The stages of a key, in their order. In all of them it is in the DNSKEY set,
// and signs the sets of keys.
const (
	// KeyPublished waits until no cache holds the zone without it.
	KeyPublished KeyStage = "published"
	// KeyReady is the one that the zone above shall name: CDS and CDNSKEY say
	// so. A person confirms that it does.
	KeyReady KeyStage = "ready"
	// KeyActive signs the zone, and is named by the zone above.
	KeyActive KeyStage = "active"
	// KeyLeaving signs the zone, while CDS and CDNSKEY ask the zone above to name
	// no key any more (RFC 8078 §4). A person says when it names none.
	KeyLeaving KeyStage = "leaving"
	// KeyRetired waits until nothing in any cache needs it.
	KeyRetired KeyStage = "retired"
)

// KeyChange is what the kinds that begin with key are about.
type KeyChange struct {
	Tag    uint16 `json:"tag,omitempty"`    // of the key, but for KindKeyAdd
	Public []byte `json:"public,omitempty"` // KindKeyAdd
	Sealed string `json:"sealed,omitempty"` // KindKeyAdd
}

const (
	// keyTTL is that of the sets of keys, in seconds.
	keyTTL = 3600
	// keyPublishWait is longer than any record of the zone stays in a cache,
	// signed or not (RFC 7583 §3.3.1).
	keyPublishWait = 2 * time.Hour
	// keyRetireWait is longer than a DS set of the zones above stays in a cache:
	// those of top-level domains stay for a day.
	keyRetireWait = 48 * time.Hour
)

// Key is the key as name servers know it.
func (k ZoneKey) Key() srv.SigningKey {
	return srv.SigningKey{Public: string(k.Public), Sealed: k.Sealed}
}

// Due is when the stage ends by the clock; false where a person ends it, or
// nobody.
func (k ZoneKey) Due() (time.Time, bool) {
	switch k.Stage {
	case KeyPublished:
		return k.Since.Add(keyPublishWait), true
	case KeyRetired:
		return k.Since.Add(keyRetireWait), true
	}
	return time.Time{}, false
}

// SigningKeys are the keys of the zone as name servers need them. The active or
// leaving one signs; before there is one, the first; after the last, the last.
func (s State) SigningKeys() []srv.SigningKey {
	out := make([]srv.SigningKey, len(s.ZoneKeys))
	signs := slices.IndexFunc(s.ZoneKeys, func(k ZoneKey) bool { return k.Stage == KeyActive || k.Stage == KeyLeaving })
	if signs < 0 {
		signs = len(s.ZoneKeys) - 1
	}
	for i, k := range s.ZoneKeys {
		out[i] = k.Key()
		out[i].Signs = i == signs
	}
	return out
}

// TrustedKey is the one that the zone above shall name in its DS set: one that is
// ready, else the active one; false while there is none yet.
func (s State) TrustedKey() (ZoneKey, bool) {
	for _, stage := range []KeyStage{KeyReady, KeyActive} {
		for _, k := range s.ZoneKeys {
			if k.Stage == stage {
				return k, true
			}
		}
	}
	return ZoneKey{}, false
}

// keys adds the keys and what tells them.
func (b *zoneBuilder) keys(s *State) {
	if len(s.ZoneKeys) == 0 {
		return
	}
	b.zone.Keys = s.SigningKeys()
	var all []srv.Data
	for _, k := range b.zone.Keys {
		all = append(all, k.DNSKEY(srv.TypeDNSKEY))
	}
	b.add(b.zone.Origin, srv.TypeDNSKEY, keyTTL, all)
	if s.unsigning() {
		b.add(b.zone.Origin, srv.TypeCDS, keyTTL, []srv.Data{srv.NoDS(srv.TypeCDS)})
		b.add(b.zone.Origin, srv.TypeCDNSKEY, keyTTL, []srv.Data{srv.NoDS(srv.TypeCDNSKEY)})
		return
	}
	if k, ok := s.TrustedKey(); ok {
		b.add(b.zone.Origin, srv.TypeCDS, keyTTL, []srv.Data{k.Key().DS(b.zone.Origin, srv.TypeCDS)})
		b.add(b.zone.Origin, srv.TypeCDNSKEY, keyTTL, []srv.Data{k.Key().DNSKEY(srv.TypeCDNSKEY)})
	}
}

// keyCommand carries out what is about keys.
func (t *transition) keyCommand() error {
	if t.cmd.Kind == KindKeyStep {
		return t.keyStep()
	}
	if err := t.ownerAndReason(); err != nil {
		return err
	}
	if t.cmd.Kind == KindKeyUnsign {
		return t.keyUnsign()
	}
	c := t.cmd.Key
	if c == nil {
		return &Invalid{Field: "key", Message: "the command names no key"}
	}
	if t.cmd.Kind == KindKeyAdd {
		return t.keyAdd(c)
	}
	i := slices.IndexFunc(t.ZoneKeys, func(k ZoneKey) bool { return k.Key().Tag() == c.Tag })
	if i < 0 {
		return &Invalid{Field: "key", Message: fmt.Sprintf("the zone has no key %d", c.Tag), Hint: "sipsteer dns key list"}
	}
	switch t.cmd.Kind {
	case KindKeyConfirm:
		return t.keyConfirm(i)
	case KindKeyGone:
		return t.keyGone(i)
	}
	return t.keyDrop(i)
}

// keyAdd publishes a key: the first one, which signs from now on, or the next
// one of a roll-over.
func (t *transition) keyAdd(c *KeyChange) error {
	k := ZoneKey{Public: c.Public, Sealed: c.Sealed, Stage: KeyPublished, Since: t.Now, By: t.cmd.By}
	if len(k.Public) != 64 || k.Sealed == "" {
		return &Invalid{Field: "key", Message: "the command holds no key"}
	}
	for _, old := range t.ZoneKeys {
		if old.Stage != KeyActive {
			return &Invalid{Field: "key", Message: fmt.Sprintf("key %d is %s: one roll-over at a time", old.Key().Tag(), old.Stage), Hint: "sipsteer dns key list   # says what it waits for"}
		}
		if old.Key().Tag() == k.Key().Tag() {
			return &Invalid{Field: "key", Message: fmt.Sprintf("the zone has a key %d already", k.Key().Tag()), Hint: "sipsteer dns key roll   # again: a new one is made"}
		}
	}
	t.keyOverrides(k.Key().Tag())
	t.setKeys(append(slices.Clone(t.ZoneKeys), k))
	text := fmt.Sprintf("the zone is signed with key %d; its DS record may be given to the zone above in %s", k.Key().Tag(), keyPublishWait)
	if len(t.ZoneKeys) > 1 {
		text = fmt.Sprintf("key %d is published beside %d; its DS record may be given to the zone above in %s", k.Key().Tag(), t.ZoneKeys[0].Key().Tag(), keyPublishWait)
	}
	t.event(EventKey, Event{Text: text})
	return nil
}

// keyConfirm: the zone above names the key, so it signs from now on, and the one
// before it retires.
func (t *transition) keyConfirm(i int) error {
	k := t.ZoneKeys[i]
	switch {
	case k.Stage == KeyActive:
		return nil // repeating is harmless
	case k.Stage == KeyRetired:
		return &Invalid{Field: "key", Message: fmt.Sprintf("key %d is retired", k.Key().Tag()), Hint: "sipsteer dns key list   # when it is gone: sipsteer dns key roll"}
	case k.Stage == KeyPublished && !slices.Contains(t.cmd.Override, RuleKeyWait):
		due, _ := k.Due()
		return &Refusal{
			Rule: RuleKeyWait, Text: fmt.Sprintf("caches may hold the zone without key %d: what it signs would be called forged", k.Key().Tag()),
			Value: "published at " + k.Since.UTC().Format(time.RFC3339), Limit: "from " + due.UTC().Format(time.RFC3339),
			Next: fmt.Sprintf("sipsteer dns key confirm %d --reason %q   # then; where the other key is known to others: --override %s", k.Key().Tag(), t.cmd.Reason, RuleKeyWait),
		}
	}
	t.keyOverrides(k.Key().Tag())
	keys := slices.Clone(t.ZoneKeys)
	for j := range keys {
		if j != i && keys[j].Stage == KeyActive {
			keys[j].Stage, keys[j].Since = KeyRetired, t.Now
			t.event(EventKey, Event{Text: fmt.Sprintf("key %d signs no more; it stays for %s, for caches that need it", keys[j].Key().Tag(), keyRetireWait)})
		}
	}
	keys[i].Stage, keys[i].Since = KeyActive, t.Now
	t.setKeys(keys)
	t.event(EventKey, Event{Text: fmt.Sprintf("key %d signs the zone: the zone above names it", k.Key().Tag())})
	return nil
}

// keyDrop takes a key away before its time.
func (t *transition) keyDrop(i int) error {
	k := t.ZoneKeys[i]
	tag := k.Key().Tag()
	if k.Stage == KeyActive && len(t.ZoneKeys) > 1 && !slices.ContainsFunc(t.ZoneKeys, func(o ZoneKey) bool { return o.Stage == KeyRetired }) {
		return &Invalid{Field: "key", Message: fmt.Sprintf("key %d signs the zone", tag), Hint: "sipsteer dns key confirm TAG   # of the next one, first"}
	}
	if !slices.Contains(t.cmd.Override, RuleKeyTrust) && k.Stage != KeyPublished {
		limit := "none that caches or the zone above may name"
		return &Refusal{
			Rule: RuleKeyTrust, Text: fmt.Sprintf("the zone above, or a cache, may still name key %d: all answers would be called forged", tag),
			Value: "key is " + string(k.Stage), Limit: limit,
			Next: fmt.Sprintf("sipsteer dns key unsign --reason %q   # asks the zone above to name no key, and drops it two days after that is so; or, if no cache names it: sipsteer dns key drop %d --reason %q --override %s", t.cmd.Reason, tag, t.cmd.Reason, RuleKeyTrust),
		}
	}
	t.keyOverrides(tag)
	t.setKeys(slices.Delete(slices.Clone(t.ZoneKeys), i, i+1))
	text := fmt.Sprintf("key %d is dropped", tag)
	if len(t.ZoneKeys) == 0 {
		text += "; the zone is not signed any more"
	}
	t.event(EventKey, Event{Text: text})
	return nil
}

// keyStep moves on the keys whose stage is over by the clock.
func (t *transition) keyStep() error {
	var keys []ZoneKey
	for _, k := range t.ZoneKeys {
		due, ok := k.Due()
		switch {
		case !ok || due.After(t.Now):
			keys = append(keys, k)
		case k.Stage == KeyPublished:
			k.Stage, k.Since = KeyReady, t.Now
			keys = append(keys, k)
			t.event(EventKey, Event{Text: fmt.Sprintf("key %d may be named by the zone above: sipsteer dns ds prints the record", k.Key().Tag())})
		default:
			t.event(EventKey, Event{Text: fmt.Sprintf("key %d is gone: no cache needs it any more", k.Key().Tag())})
		}
	}
	if len(keys) == 0 && len(t.ZoneKeys) > 0 {
		t.event(EventKey, Event{Text: "the zone is not signed any more"})
	}
	t.setKeys(keys)
	return nil
}

// keyOverrides records each rule that a command about a key passed by name.
func (t *transition) keyOverrides(tag uint16) {
	for _, r := range t.cmd.Override {
		t.event(EventOverride, Event{Rule: r, Text: fmt.Sprintf("%s overrode %s for %s of key %d", t.cmd.By, r, t.cmd.Kind, tag)})
	}
}

func (t *transition) setKeys(keys []ZoneKey) { t.ZoneKeys, t.decided = keys, true }

// keySteps proposes the next stage of keys whose time has come.
func (d *decision) keySteps() {
	if slices.ContainsFunc(d.state.ZoneKeys, func(k ZoneKey) bool {
		due, ok := k.Due()
		return ok && !due.After(d.in.Now)
	}) {
		d.propose(Command{Kind: KindKeyStep})
	}
}
