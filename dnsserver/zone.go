package dnsserver

import (
	"bytes"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// zone is a srv.Zone packed for answering. It is never changed.
type zone struct {
	source *srv.Zone
	origin []byte   // wire form, lower case
	owners []string // of nodes, in their order
	names  *names
	nodes  []node
	denial *section // the SOA as authority, for NXDOMAIN and NODATA
	// sections by their content, for the next epoch to take over.
	sections map[string]*section
	// wildcards says whether any name begins with an asterisk label.
	wildcards bool
}

// node is what a name answers. One without sets is an empty non-terminal
// (RFC 4592 §2.2.2): it exists, and answers NODATA.
type node struct {
	sets []nodeSet
	any  int // of sets: the smallest, which answers ANY (RFC 8482 §4.1)
}

type nodeSet struct {
	typ    uint16
	answer *section
}

// find returns the set of a type, nil if there is none.
func (n *node) find(typ uint16) *section {
	for i := range n.sets {
		if n.sets[i].typ == typ {
			return n.sets[i].answer
		}
	}
	if typ == typeANY && len(n.sets) > 0 {
		return n.sets[n.any].answer
	}
	return nil
}

// find looks for a lower-cased wire name and returns its node; exists is false
// if the name does not exist and no wildcard stands for it.
func (z *zone) find(name []byte, hash uint64) (n *node, exists bool) {
	i, ok := z.names.find(name, hash)
	if !ok && z.wildcards {
		i, ok = z.wildcard(name)
	}
	if !ok {
		return nil, false
	}
	return &z.nodes[i], true
}

// wildcard looks for the asterisk below the closest encloser, which is the
// longest ancestor that exists (RFC 4592 §3.3.1).
func (z *zone) wildcard(name []byte) (uint32, bool) {
	if !z.covers(name) {
		return 0, false
	}
	for len(name) > len(z.origin) {
		name = name[1+int(name[0]):]
		if _, ok := z.names.find(name, z.names.hash(name)); !ok {
			continue
		}
		var buf [2 + maxName]byte
		asterisk := append(append(buf[:0], 1, '*'), name...)
		return z.names.find(asterisk, z.names.hash(asterisk))
	}
	return 0, false
}

// covers reports whether a lower-cased wire name is the origin or below it.
func (z *zone) covers(name []byte) bool {
	off := 0
	for len(name)-off > len(z.origin) {
		off += 1 + int(name[off])
	}
	return bytes.Equal(name[off:], z.origin)
}
