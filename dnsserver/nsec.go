package dnsserver

import (
	"encoding/binary"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// typeNXNAME says in an NSEC record that the name does not exist (RFC 9824 §3).
const typeNXNAME = 128

// nsecRecord denies, at a name, every type that is not among types, and that
// there is any name between it and the next possible one (RFC 9824 §3).
func nsecRecord(name, origin []byte, types []uint16, ttl uint32) transferRecord {
	return transferRecord{uint16(srv.TypeNSEC), ttl, appendBitmap(nextName(name, origin), types)}
}

// nextName is the first possible name behind a lower-cased one in canonical
// order (RFC 4034 §6.1): the one with a label of a zero octet below it, or,
// where that would be too long, the one with its first label raised (RFC 4471
// §3.1.2).
func nextName(name, origin []byte) []byte {
	if len(name)+2 <= maxName {
		return append([]byte{1, 0}, name...)
	}
	first := int(name[0])
	if first < 63 && len(name) < maxName {
		return wireName(append(slices.Clone(name[1:1+first]), 0), name[1+first:])
	}
	for len(name) > len(origin) {
		label, rest := slices.Clone(name[1:1+int(name[0])]), name[1+int(name[0]):]
		for len(label) > 0 {
			last := &label[len(label)-1]
			if *last++; *last >= 'A' && *last <= 'Z' {
				*last = 'Z' + 1 // upper case is lower case, which comes later
			}
			if *last != 0 {
				return wireName(label, rest)
			}
			label = label[:len(label)-1] // all ones: the octet before it is raised
		}
		name = rest
	}
	return slices.Clone(origin) // there is none: the first name follows the last
}

func wireName(label, rest []byte) []byte {
	return append(append([]byte{byte(len(label))}, label...), rest...)
}

// appendBitmap appends a type bit map (RFC 4034 §4.1.2).
func appendBitmap(out []byte, types []uint16) []byte {
	types = slices.Clone(types)
	slices.Sort(types)
	for len(types) > 0 {
		window := byte(types[0] >> 8)
		var bits [32]byte
		used := 0
		for len(types) > 0 && byte(types[0]>>8) == window {
			low := byte(types[0])
			bits[low/8] |= 0x80 >> (low % 8)
			used = int(low/8) + 1
			types = types[1:]
		}
		out = append(append(out, window, byte(used)), bits[:used]...)
	}
	return out
}

// answerKey tells one signed answer from every other of a zone.
func answerKey(buf *[maxName + 6]byte, name []byte, qtype uint16, period uint32) []byte {
	out := append(buf[:0], name...)
	out = binary.BigEndian.AppendUint16(out, qtype)
	return binary.BigEndian.AppendUint32(out, period)
}
