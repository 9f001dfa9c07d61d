package dnsserver

import (
	"bytes"
	"hash/maphash"
)

// names finds the node of a name: an open hash on the lower-cased wire name.
// It knows only which node a name has, not what the node answers, so it stays
// the same over swaps that change no name, and many names can have one node.
type names struct {
	seed  maphash.Seed
	slots []nameSlot // a power of two, at most half full
	arena []byte     // the names, wire form, one behind the other, from 1
}

type nameSlot struct {
	hash uint32
	off  uint32 // in arena; 0 is a free slot
	node uint32
}

func newNames(seed maphash.Seed, count int) *names {
	size := 8
	for size < 2*count {
		size *= 2
	}
	return &names{seed: seed, slots: make([]nameSlot, size), arena: make([]byte, 1, 1+24*count)}
}

// hash is also what the rate limiter tells names apart by.
func (t *names) hash(name []byte) uint64 { return maphash.Bytes(t.seed, name) }

// find returns the node of a lower-cased name.
func (t *names) find(name []byte, hash uint64) (node uint32, ok bool) {
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.off == 0 {
			return 0, false
		}
		// A name's own root label ends it: equal octets are the equal name.
		if s.hash == uint32(hash>>32) && bytes.HasPrefix(t.arena[s.off:], name) {
			return s.node, true
		}
	}
}

// add stores a name that is not there yet.
func (t *names) add(name []byte, node uint32) {
	hash := t.hash(name)
	mask := uint64(len(t.slots) - 1)
	i := hash & mask
	for t.slots[i].off != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = nameSlot{hash: uint32(hash >> 32), off: uint32(len(t.arena)), node: node}
	t.arena = append(t.arena, name...)
}
