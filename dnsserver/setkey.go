package dnsserver

import (
	"encoding/binary"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// appendKey appends what tells a set's content, without its owner, from every
// other's: two sets with equal keys are packed alike, but for the addresses of
// the hosts that they name. Every part has a fixed length or says its own.
func appendKey(key []byte, s *srv.RRset) []byte {
	key = binary.BigEndian.AppendUint16(key, uint16(s.Type))
	key = binary.BigEndian.AppendUint32(key, s.TTL)
	key = binary.AppendUvarint(key, uint64(len(s.Data)))
	for _, d := range s.Data {
		switch d := d.(type) {
		case srv.A:
			key = appendText(key, d.Addr.AsSlice())
		case srv.AAAA:
			key = appendText(key, d.Addr.AsSlice())
		case srv.NS:
			key = appendText(key, d.Host)
		case srv.CNAME:
			key = appendText(key, d.Target)
		case srv.Other:
			key = appendText(key, d.Wire)
		case srv.TXT:
			key = binary.AppendUvarint(key, uint64(len(d.Strings)))
			for _, s := range d.Strings {
				key = appendText(key, s)
			}
		case srv.SRV:
			key = binary.BigEndian.AppendUint16(key, d.Priority)
			key = binary.BigEndian.AppendUint16(key, d.Weight)
			key = binary.BigEndian.AppendUint16(key, d.Port)
			key = appendText(key, d.Target)
		case srv.NAPTR:
			key = binary.BigEndian.AppendUint16(key, d.Order)
			key = binary.BigEndian.AppendUint16(key, d.Preference)
			for _, s := range []string{d.Flags, d.Service, d.Regexp, d.Replacement} {
				key = appendText(key, s)
			}
		default:
			key = appendText(key, d.String())
		}
	}
	return key
}

func appendText[T string | []byte](key []byte, text T) []byte {
	return append(binary.AppendUvarint(key, uint64(len(text))), text...)
}
