package dnsserver

import (
	"hash/maphash"
	"sync"
)

// recent remembers values by octets, as many as it has room for, those asked
// for lately rather than others. It has two generations: what is found in the
// older one moves into the younger, and when that is full the older is
// forgotten. To find is one look in a map under a lock that few share, and
// allocates nothing.
type recent[V any] struct {
	seed   maphash.Seed
	shards [recentShards]recentShard[V]
	room   int // of one generation of a shard
}

const recentShards = 16

type recentShard[V any] struct {
	mu         sync.Mutex
	young, old map[string]V // guarded by mu
}

// newRecent has room for about so many values.
func newRecent[V any](room int) *recent[V] {
	return &recent[V]{seed: maphash.MakeSeed(), room: max(room/2/recentShards, 1)}
}

func (r *recent[V]) shard(key []byte) *recentShard[V] {
	return &r.shards[maphash.Bytes(r.seed, key)%recentShards]
}

func (r *recent[V]) get(key []byte) (v V, ok bool) {
	s := r.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok = s.young[string(key)]; ok {
		return v, true
	}
	if v, ok = s.old[string(key)]; ok {
		s.put(string(key), v, r.room)
	}
	return v, ok
}

func (r *recent[V]) put(key []byte, v V) {
	s := r.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(string(key), v, r.room)
}

// put is called with mu held.
func (s *recentShard[V]) put(key string, v V, room int) {
	if len(s.young) >= room {
		s.old, s.young = s.young, nil
	}
	if s.young == nil {
		s.young = make(map[string]V)
	}
	s.young[key] = v
}

// len counts what is remembered; a value may be counted twice.
func (r *recent[V]) len() (n int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		n += len(s.young) + len(s.old)
		s.mu.Unlock()
	}
	return n
}
