package dnsserver

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
)

// shard is a part of the tenants' index: an open hash on lower-cased wire
// names. It is never changed; apply makes another one.
//
// The arena holds one entry behind the other: the number of the tenant's
// service, 0 if the name is no tenant; the number of tenants below the name; and
// the name in wire form, whose root label ends it.
type shard struct {
	slots []shardSlot // a power of two, at most three quarters full
	arena []byte
	count int // of entries
	dead  int // entries that are neither tenant nor above one
}

type shardSlot struct {
	hash uint32
	at   uint32 // behind the entry's head, which is never at 0; 0 is a free slot
}

const (
	entryService = 8 // before the name
	entryBelow   = 4
	entryHead    = 8
)

// find returns where the name stands in the arena, 0 if it does not.
func (s *shard) find(name []byte, hash uint64) uint32 {
	if len(s.slots) == 0 {
		return 0
	}
	mask := uint32(len(s.slots) - 1)
	for i := uint32(hash) & mask; ; i = (i + 1) & mask {
		slot := &s.slots[i]
		if slot.at == 0 {
			return 0
		}
		if slot.hash == uint32(hash) && bytes.HasPrefix(s.arena[slot.at:], name) {
			return slot.at
		}
	}
}

// service returns the number of the service of the entry at a place.
func (s *shard) service(at uint32) uint32 {
	return binary.LittleEndian.Uint32(s.arena[at-entryService:])
}

// below returns how many tenants are below the entry at a place.
func (s *shard) below(at uint32) uint32 {
	return binary.LittleEndian.Uint32(s.arena[at-entryBelow:])
}

// edits are changes to one shard, written like its entries. The service is
// keepService where it stays; the number below is added, as a signed one.
type edits struct {
	list  []byte
	count int
}

const keepService = 1<<32 - 1

func (e *edits) add(name []byte, service, below uint32) {
	e.list = binary.LittleEndian.AppendUint32(e.list, service)
	e.list = binary.LittleEndian.AppendUint32(e.list, below)
	e.list = append(e.list, name...)
	e.count++
}

// apply returns the shard with the edits made.
func (s *shard) apply(seed maphash.Seed, e edits) *shard {
	out := newShard(s.count-s.dead+e.count, len(s.arena)+len(e.list))
	for at := entryHead; at < len(s.arena); at += entryHead {
		n := nameLen(s.arena[at:])
		if service, below := s.service(uint32(at)), s.below(uint32(at)); service != 0 || below != 0 {
			name := s.arena[at : at+n]
			out.put(name, maphash.Bytes(seed, name), service, below)
		}
		at += n
	}
	for rest := e.list; len(rest) > 0; {
		name := rest[entryHead : entryHead+nameLen(rest[entryHead:])]
		out.edit(name, maphash.Bytes(seed, name), binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[entryHead+len(name):]
	}
	out.arena = bytes.Clone(out.arena) // of the size that it needs
	return out
}

func newShard(count, octets int) *shard {
	size := 4
	for 3*size < 4*count {
		size *= 2
	}
	return &shard{slots: make([]shardSlot, size), arena: make([]byte, 0, octets)}
}

// put stores a name that is not there yet.
func (s *shard) put(name []byte, hash uint64, service, below uint32) uint32 {
	s.arena = binary.LittleEndian.AppendUint32(s.arena, service)
	s.arena = binary.LittleEndian.AppendUint32(s.arena, below)
	at := uint32(len(s.arena))
	s.arena = append(s.arena, name...)
	mask := uint32(len(s.slots) - 1)
	i := uint32(hash) & mask
	for s.slots[i].at != 0 {
		i = (i + 1) & mask
	}
	s.slots[i] = shardSlot{hash: uint32(hash), at: at}
	s.count++
	return at
}

func (s *shard) edit(name []byte, hash uint64, service, below uint32) {
	at := s.find(name, hash)
	if at == 0 {
		at = s.put(name, hash, 0, 0)
		s.dead++
	}
	was := s.alive(at)
	if service != keepService {
		binary.LittleEndian.PutUint32(s.arena[at-entryService:], service)
	}
	binary.LittleEndian.PutUint32(s.arena[at-entryBelow:], s.below(at)+below)
	switch now := s.alive(at); {
	case was && !now:
		s.dead++
	case !was && now:
		s.dead--
	}
}

func (s *shard) alive(at uint32) bool { return s.service(at) != 0 || s.below(at) != 0 }
