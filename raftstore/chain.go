package raftstore

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Hash is a SHA-256.
type Hash [sha256.Size]byte

// String returns it in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Short is enough of it for people to compare.
func (h Hash) Short() string { return hex.EncodeToString(h[:6]) }

// IsZero reports whether it was never set.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(b []byte) error {
	if hex.DecodedLen(len(b)) != len(h) {
		return fmt.Errorf("decode hash: %d digits, want %d", len(b), hex.EncodedLen(len(h)))
	}
	if _, err := hex.Decode(h[:], b); err != nil {
		return fmt.Errorf("decode hash: %w", err)
	}
	return nil
}

// next returns the link of the chain after h: it stands for the entry and, since
// h goes into it, for every entry before. Two members with the same link at the
// same index were given the same entries in the same order.
func (h Hash) next(index, term uint64, data []byte) Hash {
	sum := sha256.New()
	sum.Write(h[:])
	var place [16]byte
	binary.BigEndian.PutUint64(place[:8], index)
	binary.BigEndian.PutUint64(place[8:], term)
	sum.Write(place[:])
	sum.Write(data)
	var out Hash
	sum.Sum(out[:0])
	return out
}
