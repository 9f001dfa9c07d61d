package divert

import (
	"net/netip"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Offsets in headers, in octets (RFC 791, RFC 8200, RFC 768, RFC 9293).
const (
	srcAddr4, dstAddr4  = 12, 16
	srcAddr6, dstAddr6  = 8, 24
	srcPort, dstPort    = 0, 2
	sum4, udpSum        = 10, 6
	udpPayload          = 8
	tcpFlags            = 13
	tcpSYN, tcpStarting = 0x02, 0x17 // SYN; FIN, SYN, RST and ACK
)

// expressions are the step as the kernel's machine runs it: loads into a register,
// comparisons that end the rule, then what is done.
func (s step) expressions() []expr.Any {
	m := s.match
	var out []expr.Any
	if m.loopback {
		name := make([]byte, unix.IFNAMSIZ)
		copy(name, "lo")
		out = append(out, &expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, equal(name))
	}
	if m.from.IsValid() {
		out = append(out, family(m.from.Addr())...)
		out = append(out, load(expr.PayloadBaseNetworkHeader, srcOffset(m.from.Addr()), addrLen(m.from.Addr())),
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: addrLen(m.from.Addr()), Mask: mask(m.from), Xor: make([]byte, addrLen(m.from.Addr()))},
			equal(m.from.Addr().AsSlice()))
	}
	if m.kept {
		a := m.dst.Addr()
		out = append(out, family(a)...)
		out = append(out, load(expr.PayloadBaseNetworkHeader, srcOffset(a), addrLen(a)), &expr.Lookup{SourceRegister: 1, SetName: keptSet(a).name, SetID: keptSet(a).id})
	}
	if m.src.IsValid() {
		out = append(out, family(m.src.Addr())...)
		out = append(out, load(expr.PayloadBaseNetworkHeader, srcOffset(m.src.Addr()), addrLen(m.src.Addr())), equal(m.src.Addr().AsSlice()))
	}
	if m.dst.IsValid() {
		out = append(out, family(m.dst.Addr())...)
		out = append(out, load(expr.PayloadBaseNetworkHeader, dstOffset(m.dst.Addr()), addrLen(m.dst.Addr())), equal(m.dst.Addr().AsSlice()))
	}
	switch m.proto {
	case "udp":
		out = append(out, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal([]byte{unix.IPPROTO_UDP}))
	case "tcp":
		out = append(out, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal([]byte{unix.IPPROTO_TCP}))
	}
	if m.src.IsValid() {
		out = append(out, load(expr.PayloadBaseTransportHeader, srcPort, 2), equal(port(m.src)))
	}
	if m.dst.IsValid() {
		out = append(out, load(expr.PayloadBaseTransportHeader, dstPort, 2), equal(port(m.dst)))
	}
	if m.request {
		out = append(out, load(expr.PayloadBaseTransportHeader, udpPayload, 4), &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte("SIP/")})
	}
	if m.first {
		out = append(out, load(expr.PayloadBaseTransportHeader, tcpFlags, 1),
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{tcpStarting}, Xor: []byte{0}}, equal([]byte{tcpSYN}))
	}
	if m.unsummed {
		out = append(out, load(expr.PayloadBaseTransportHeader, udpSum, 2), equal([]byte{0, 0}))
	}
	return append(append(out, &expr.Counter{}), s.action()...)
}

// action is what is done with a packet that fits.
func (s step) action() []expr.Any {
	to := s.change
	switch {
	case !to.IsValid():
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}
	case s.chain == connect:
		return []expr.Any{
			&expr.Immediate{Register: 1, Data: to.Addr().AsSlice()}, &expr.Immediate{Register: 2, Data: port(to)},
			&expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(familyOf(to.Addr())), RegAddrMin: 1, RegProtoMin: 2},
		}
	}
	addr, at := dstOffset(to.Addr()), uint32(dstPort)
	if s.chain == leave {
		addr, at = srcOffset(to.Addr()), srcPort
	}
	host := &expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: addr, Len: addrLen(to.Addr()), CsumFlags: unix.NFT_PAYLOAD_L4CSUM_PSEUDOHDR}
	if to.Addr().Is4() {
		host.CsumType, host.CsumOffset = expr.CsumTypeInet, sum4
	}
	number := &expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: at, Len: 2}
	if !s.match.unsummed {
		number.CsumType, number.CsumOffset = expr.CsumTypeInet, udpSum
	}
	return []expr.Any{
		&expr.Notrack{},
		&expr.Immediate{Register: 1, Data: to.Addr().AsSlice()}, host,
		&expr.Immediate{Register: 1, Data: port(to)}, number,
		&expr.Verdict{Kind: expr.VerdictReturn},
	}
}

func family(a netip.Addr) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equal([]byte{familyOf(a)})}
}

func familyOf(a netip.Addr) byte {
	if a.Is4() {
		return unix.NFPROTO_IPV4
	}
	return unix.NFPROTO_IPV6
}

func load(base expr.PayloadBase, offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: length}
}

func equal(b []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: b} }

func port(a netip.AddrPort) []byte { return binaryutil.BigEndian.PutUint16(a.Port()) }

func addrLen(a netip.Addr) uint32 { return uint32(a.BitLen() / 8) }

func srcOffset(a netip.Addr) uint32 {
	if a.Is4() {
		return srcAddr4
	}
	return srcAddr6
}

func dstOffset(a netip.Addr) uint32 {
	if a.Is4() {
		return dstAddr4
	}
	return dstAddr6
}

func mask(p netip.Prefix) []byte {
	out := make([]byte, addrLen(p.Addr()))
	for i := range p.Bits() {
		out[i/8] |= 0x80 >> (i % 8)
	}
	return out
}
