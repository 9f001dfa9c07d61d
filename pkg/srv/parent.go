package srv

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"
)

// Digests of DS records. SHA-1 proves nothing any more (RFC 8624 §3.3).
const (
	digestSHA256 = 2 // RFC 4509
	digestSHA384 = 4 // RFC 6605 §2
)

// NamedBy reports whether the data of a DS record, as text (RFC 4034 §5.3), is of
// this key: the zone above may make its record by another digest than ours.
func (k SigningKey) NamedBy(origin, ds string) bool {
	fields := strings.Fields(ds)
	if len(fields) < 4 || fields[0] != strconv.Itoa(int(k.Tag())) || fields[1] != strconv.Itoa(keyAlgorithm) {
		return false
	}
	var sum []byte
	switch fields[2] {
	case strconv.Itoa(digestSHA256):
		sum = k.digest(sha256.New(), origin)
	case strconv.Itoa(digestSHA384):
		sum = k.digest(sha512.New384(), origin)
	default:
		return false
	}
	return strings.EqualFold(strings.Join(fields[3:], ""), hex.EncodeToString(sum))
}

// digest is that of the key and its zone (RFC 4034 §5.1.4). The origin is absolute
// and has no escapes.
func (k SigningKey) digest(sum hash.Hash, origin string) []byte {
	for label := range strings.SplitSeq(strings.ToLower(origin), ".") {
		sum.Write(append([]byte{byte(len(label))}, label...)) // the last one is the root's, empty
	}
	sum.Write(k.rdata())
	return sum.Sum(nil)
}
