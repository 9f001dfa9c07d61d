package softswitch

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// store holds bindings and calls. Its owner's mutex guards it.
type store struct {
	bindings map[string]map[string]binding // by address of record, then contact
	calls    map[string]time.Time          // by call; when it ends by itself, or zero
	dropped  int
	requests map[string]int
}

type binding struct {
	contact string
	until   time.Time
}

func newStore() store {
	return store{bindings: map[string]map[string]binding{}, calls: map[string]time.Time{}, requests: map[string]int{}}
}

func (s *store) crash() {
	s.dropped += len(s.calls)
	s.calls = map[string]time.Time{}
	s.forgetBindings()
}

func (s *store) forgetBindings() { s.bindings = map[string]map[string]binding{} }

func (s *store) bind(aor, contact string, until time.Time, expires int) {
	if expires == 0 {
		delete(s.bindings[aor], contact)
		return
	}
	if s.bindings[aor] == nil {
		s.bindings[aor] = map[string]binding{}
	}
	s.bindings[aor][contact] = binding{contact, until}
}

func (s *store) unbindAll(aor string) { delete(s.bindings, aor) }

// bindingsOf returns the live bindings, ordered by contact.
func (s *store) bindingsOf(aor string, now time.Time) []binding {
	maps.DeleteFunc(s.bindings[aor], func(_ string, b binding) bool { return !b.until.After(now) })
	return slices.SortedFunc(maps.Values(s.bindings[aor]), func(a, b binding) int { return strings.Compare(a.contact, b.contact) })
}

// reachable: numbers and the echo service answer themselves, users when they
// are registered here.
func (s *store) reachable(user, aor string, now time.Time) bool {
	if user == "" || strings.HasPrefix(user, "echo") || strings.Trim(user, "+0123456789*#") == "" {
		return true
	}
	return len(s.bindingsOf(aor, now)) > 0
}

func (s *store) call(id string, until time.Time) { s.calls[id] = until }

func (s *store) hasCall(id string, now time.Time) bool {
	until, ok := s.calls[id]
	if ok && !until.IsZero() && !until.After(now) {
		s.hangUp(id)
		s.dropped++
		return false
	}
	return ok
}

func (s *store) hangUp(id string) { delete(s.calls, id) }

func (s *store) stats(now time.Time) Stats {
	for id := range s.calls {
		s.hasCall(id, now) // ends what is over
	}
	out := Stats{Calls: len(s.calls), Dropped: s.dropped, Requests: maps.Clone(s.requests)}
	for aor := range s.bindings {
		out.Bindings += len(s.bindingsOf(aor, now))
	}
	return out
}
