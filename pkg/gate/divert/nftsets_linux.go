package divert

import (
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// addressSet is a set of ours: ranges of the addresses of sources in quarantine.
// A packet's source is looked for in it, however many there are.
type addressSet struct {
	name    string
	id      uint32 // its name within one transaction
	is4     bool
	keyType uint32 // of no meaning to the kernel; nft prints the addresses by it
	keyLen  uint32
}

// keptSets are both, one for each family: a set has keys of one length.
var keptSets = [...]addressSet{
	{name: "kept4", id: 1, is4: true, keyType: 7, keyLen: 4},
	{name: "kept6", id: 2, is4: false, keyType: 8, keyLen: 16},
}

func keptSet(a netip.Addr) addressSet {
	if a.Is4() {
		return keptSets[0]
	}
	return keptSets[1]
}

func (s addressSet) attributes(table string) []netlink.Attribute {
	return []netlink.Attribute{
		text(unix.NFTA_SET_TABLE, table), text(unix.NFTA_SET_NAME, s.name), number(unix.NFTA_SET_ID, s.id),
		number(unix.NFTA_SET_FLAGS, unix.NFT_SET_INTERVAL), number(unix.NFTA_SET_KEY_TYPE, s.keyType), number(unix.NFTA_SET_KEY_LEN, s.keyLen),
	}
}

// elements names elements of the set; without any it means all that are there.
func (s addressSet) elements(table string, all []boundary) []netlink.Attribute {
	out := []netlink.Attribute{text(unix.NFTA_SET_ELEM_LIST_TABLE, table), text(unix.NFTA_SET_ELEM_LIST_SET, s.name)}
	var list []netlink.Attribute
	for _, b := range all {
		inner := []netlink.Attribute{nested(unix.NFTA_SET_ELEM_KEY, netlink.Attribute{Type: unix.NFTA_DATA_VALUE, Data: b.addr.AsSlice()})}
		if b.end {
			inner = append(inner, number(unix.NFTA_SET_ELEM_FLAGS, unix.NFT_SET_ELEM_INTERVAL_END))
		}
		list = append(list, nested(unix.NFTA_LIST_ELEM, inner...))
	}
	if len(list) == 0 {
		return out
	}
	return append(out, nested(unix.NFTA_SET_ELEM_LIST_ELEMENTS, list...))
}
