package gate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"net/netip"
)

// digest makes short keyed fingerprints without allocating. It is used by one
// goroutine at a time. SHA-256 over key and lengths is no HMAC, but only
// truncated sums leave this process, so it cannot be extended.
type digest struct {
	key []byte
	h   hash.Hash
	num [8]byte
	sum [sha256.Size]byte
}

// Purposes keep fingerprints of different kinds apart.
const (
	forTag byte = iota
	forBranch
	forLoop
	forProof
	forChoice
)

func newDigest(key []byte) *digest { return &digest{key: key, h: sha256.New()} }

func (d *digest) begin(purpose byte) {
	d.h.Reset()
	d.h.Write(d.key)
	d.number(uint64(purpose))
}

func (d *digest) bytes(b []byte) {
	d.number(uint64(len(b)))
	d.h.Write(b)
}

func (d *digest) number(n uint64) {
	binary.BigEndian.PutUint64(d.num[:], n)
	d.h.Write(d.num[:])
}

func (d *digest) addr(a netip.AddrPort) {
	ip := a.Addr().Unmap().As16()
	copy(d.sum[:16], ip[:])
	d.h.Write(d.sum[:16])
	d.number(uint64(a.Port()))
}

// end returns the sum; it is valid until the next begin.
func (d *digest) end() []byte {
	d.h.Sum(d.sum[:0])
	return d.sum[:]
}

func appendHex(dst, b []byte) []byte { return hex.AppendEncode(dst, b) }
