package gate

import (
	"bytes"
	"net/netip"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// A branch of ours is the cookie, our mark, a flag, and three fingerprints in
// hex:
//
//	transaction  equal for a request, its retransmissions, its CANCEL and its
//	             ACK (RFC 3261 §16.11), so no method and no To tag go in
//	loop         changes when the request came back changed: a spiral is legal,
//	             a loop is not (§16.6 step 8)
//	proof        binds the response to the hop that it will be sent to, so that
//	             nobody can have a response of his own sent anywhere by us
const (
	branchMark  = sipwire.MagicCookie + "-sg"
	flagPlain   = 'p'
	flagSOS     = 's' // an emergency call: its responses pass even when the site is closed
	txLen       = 10
	loopLen     = 6
	proofLen    = 8
	branchFlag  = len(branchMark)
	branchTx    = branchFlag + 1
	branchLoop  = branchTx + 2*txLen
	branchProof = branchLoop + 2*loopLen
	branchLen   = branchProof + 2*proofLen
)

// appendBranch appends the branch for a request that came from src.
func (d *digest) appendBranch(dst []byte, m *sipwire.Message, src netip.AddrPort, sos bool) []byte {
	start := len(dst)
	dst = append(dst, branchMark...)
	if sos {
		dst = append(dst, flagSOS)
	} else {
		dst = append(dst, flagPlain)
	}
	v := m.Via()
	d.begin(forBranch)
	if v.Magic() {
		d.bytes(v.Branch)
		d.bytes(v.Host)
		d.number(uint64(v.Port))
	} else { // a client of RFC 2543: only all of this together names its transaction
		d.bytes(v.Text())
		d.bytes(m.From().Tag)
		d.bytes(m.CallID())
		d.number(uint64(m.CSeq()))
		d.bytes(m.URI())
	}
	dst = appendHex(dst, d.end()[:txLen])
	dst = d.appendLoop(dst, m)
	return d.appendProof(dst, dst[start:], m.CallID(), seenAddr(v, src))
}

func (d *digest) appendLoop(dst []byte, m *sipwire.Message) []byte {
	d.begin(forLoop)
	d.bytes(m.URI())
	d.bytes(m.Route(0))
	d.bytes(m.From().Tag)
	d.bytes(m.CallID())
	d.number(uint64(m.CSeq()))
	return appendHex(dst, d.end()[:loopLen])
}

func (d *digest) appendProof(dst, branch, callID []byte, next netip.AddrPort) []byte {
	d.begin(forProof)
	d.bytes(branch)
	d.bytes(callID)
	d.addr(next)
	return appendHex(dst, d.end()[:proofLen])
}

// seenAddr is what Via.Addr will say of v once it is stamped.
func seenAddr(v *sipwire.Via, src netip.AddrPort) netip.AddrPort {
	port := v.Port
	if v.RPort {
		port = src.Port()
	}
	return netip.AddrPortFrom(src.Addr().Unmap().WithZone(""), port)
}

// ours reports whether the hop has the shape of a branch of ours.
func ours(branch []byte) bool {
	return len(branch) == branchLen && string(branch[:branchFlag]) == branchMark
}

// proven reports whether the response's branch, which has the shape of ours, was
// made by us for a request from next.
func (d *digest) proven(branch, callID []byte, next netip.AddrPort) bool {
	var buf [2 * proofLen]byte
	return bytes.Equal(d.appendProof(buf[:0], branch[:branchProof], callID, next), branch[branchProof:])
}
