package raftstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// The envelope goes round what is proposed, from Propose on the leader to
// Apply on every member:
//
//	octets 0-1  magic "sR"
//	octet  2    version, now 1
//	octet  3    kind: 0 for the Machine, 1 a checkpoint
//	octets 4-7  CRC-32C of octets 0-3 and the payload, big endian
//	octets 8-   payload
//
// So damage on any disk, in any memory or on any wire between the two is seen
// before the Machine sees it.
const (
	envelopeSize    = 8
	envelopeVersion = 1
	envelopeMagic0  = 's'
	envelopeMagic1  = 'R'
)

// entryKind says whom an entry is for. It is octet 3 of the envelope.
type entryKind byte

const (
	entryCommand    entryKind = 0 // for the Machine
	entryCheckpoint entryKind = 1 // for the store: see Checkpoint
)

// castagnoli is the polynomial that processors compute by themselves.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// seal returns a command inside an envelope.
func seal(data []byte) []byte { return sealAs(entryCommand, data) }

// sealAs returns data inside an envelope.
func sealAs(kind entryKind, data []byte) []byte {
	b := make([]byte, envelopeSize, envelopeSize+len(data))
	b[0], b[1], b[2], b[3] = envelopeMagic0, envelopeMagic1, envelopeVersion, byte(kind)
	b = append(b, data...)
	binary.BigEndian.PutUint32(b[4:], envelopeSum(b))
	return b
}

func envelopeSum(b []byte) uint32 {
	sum := crc32.Update(0, castagnoli(), b[:4])
	return crc32.Update(sum, castagnoli(), b[envelopeSize:])
}

// unseal returns what sealAs was given. The error names what is wrong; it is a
// *Fatal when the envelope is whole but of a version or kind that this program
// does not know, and else a *DamageError.
func unseal(index uint64, b []byte) (entryKind, []byte, error) {
	damage := func(reason string) error { return &DamageError{Index: index, Reason: reason} }
	if len(b) < envelopeSize {
		return 0, nil, damage(fmt.Sprintf("%d octets are too few for an envelope", len(b)))
	}
	if b[0] != envelopeMagic0 || b[1] != envelopeMagic1 {
		return 0, nil, damage("no envelope magic")
	}
	if got, want := binary.BigEndian.Uint32(b[4:]), envelopeSum(b); got != want {
		return 0, nil, damage(fmt.Sprintf("checksum is %08x, contents have %08x", got, want))
	}
	if b[2] != envelopeVersion || b[3] > byte(entryCheckpoint) {
		return 0, nil, &Fatal{Reason: fmt.Errorf("log entry %d has envelope version %d, kind %d: written by a newer program; upgrade this agent", index, b[2], b[3])}
	}
	return entryKind(b[3]), b[envelopeSize:], nil
}
