package dnsserver

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// When signatures are good. They are made for whole periods, so that all
// servers make the same ones and a set is signed once in each. A clock that is
// wrong by hours, ours or that of who validates, is inside of both ends.
const (
	signPeriod = 24 * 3600            // seconds
	signBefore = 24 * 3600            // inception, before the period begins
	signAfter  = signPeriod + 48*3600 // expiration, after the period began
	signRoom   = 1 << 16              // signatures remembered
	answerRoom = 1 << 14              // signed answers remembered for each zone
)

// signing is what a signed zone has beside its records. Signatures are kept
// over epochs: a set that comes back is not signed again.
type signing struct {
	keys       []zoneKey
	signatures *recent[[]byte]   // RDATA of RRSIG, by what is signed and by whom
	answers    *recent[*section] // of the zone that it belongs to
	budget     *window           // answers made for clients that may not be where they say
}

// sign returns the RDATA of the signatures over a set (RFC 4034 §3): of the key
// that signs, or of all keys for the sets that tell the keys, so that either
// end of a roll-over finds its own.
func (s *signing) sign(owner, origin []byte, set []transferRecord, period uint32) ([][]byte, error) {
	var out [][]byte
	for i := range s.keys {
		k := &s.keys[i]
		if !k.Signs && !tellsKeys(set[0].typ) {
			continue
		}
		key := signatureKey(owner, set, period, k)
		rdata, ok := s.signatures.get(key[:])
		if !ok {
			var err error
			if rdata, err = k.sign(owner, origin, set, period); err != nil {
				return nil, err
			}
			s.signatures.put(key[:], rdata)
		}
		out = append(out, rdata)
	}
	return out, nil
}

func tellsKeys(t uint16) bool {
	switch srv.Type(t) {
	case srv.TypeDNSKEY, srv.TypeCDS, srv.TypeCDNSKEY: // RFC 7344 §4.1
		return true
	}
	return false
}

// signatureKey tells one signature from every other.
func signatureKey(owner []byte, set []transferRecord, period uint32, k *zoneKey) [sha256.Size]byte {
	sum := sha256.New()
	var head []byte
	head = binary.BigEndian.AppendUint32(head, period)
	head = append(append(head, k.SigningKey.Public...), owner...)
	sum.Write(head)
	for i := range set {
		r := &set[i]
		head = binary.BigEndian.AppendUint16(head[:0], r.typ)
		head = binary.BigEndian.AppendUint32(head, r.ttl)
		head = binary.BigEndian.AppendUint16(head, uint16(len(r.data)))
		sum.Write(head)
		sum.Write(r.data)
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

// sign makes one signature. The library knows the canonical form (RFC 4034 §6).
func (k *zoneKey) sign(owner, origin []byte, set []transferRecord, period uint32) ([]byte, error) {
	records := make([]dns.RR, len(set))
	var wire []byte
	for i := range set {
		r := &set[i]
		wire = append(wire[:0], owner...)
		wire = append(wire, byte(r.typ>>8), byte(r.typ), 0, classIN, byte(r.ttl>>24), byte(r.ttl>>16), byte(r.ttl>>8), byte(r.ttl))
		wire = append(wire, byte(len(r.data)>>8), byte(len(r.data)))
		wire = append(wire, r.data...)
		rr, _, err := dns.UnpackRR(wire, 0)
		if err != nil {
			return nil, fmt.Errorf("read record to sign: %w", err)
		}
		records[i] = rr
	}
	name, _, err := dns.UnpackDomainName(origin, 0)
	if err != nil {
		return nil, fmt.Errorf("read origin: %w", err)
	}
	begin := period * signPeriod // seconds as 32 bits, which go round (RFC 4034 §3.1.5)
	sig := &dns.RRSIG{
		Hdr: dns.RR_Header{Ttl: set[0].ttl}, Algorithm: dns.ECDSAP256SHA256, KeyTag: k.tag, SignerName: name,
		Inception: begin - signBefore, Expiration: begin + signAfter,
	}
	if err := sig.Sign(k, records); err != nil {
		return nil, fmt.Errorf("sign %s: %w", records[0].Header().Name, err)
	}
	out := make([]byte, dns.Len(sig))
	n, err := dns.PackRR(sig, out, 0, nil, false)
	if err != nil {
		return nil, fmt.Errorf("pack signature: %w", err)
	}
	_, start, err := dns.UnpackDomainName(out, 0)
	if err != nil {
		return nil, fmt.Errorf("pack signature: %w", err)
	}
	return out[start+10 : n], nil
}

// RetrySigning tries again to open the keys of the steered zone, where that has
// failed when it was served.
func (s *Server) RetrySigning() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.zones.Load()
	if s.unsigned == "" || now.steered == nil {
		return
	}
	again := *now.steered
	if s.prepareToSign(&again, nil); again.signing != nil {
		s.zones.Store(&zones{steered: &again, others: now.others})
		s.log.Info().Uint64("epoch", again.source.Epoch).Msg("the zone is signed here too")
	}
}

// Unsigned is why the steered zone, which has keys, is answered without
// signatures; "" if it has none, or is signed.
func (s *Server) Unsigned() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unsigned
}

// prepareToSign opens the keys of a zone that is about to be served. It is
// called with mu held.
func (s *Server) prepareToSign(z, old *zone) {
	was := s.unsigned
	s.unsigned = ""
	if len(z.source.Keys) == 0 {
		return
	}
	keys, err := openKeys(z.source, old, s.conf.Unseal)
	if err != nil {
		if s.unsigned = err.Error(); s.unsigned == was {
			return // said already
		}
		s.log.Error().Err(err).Uint64("epoch", z.source.Epoch).Msg("the zone is answered without signatures here")
		return
	}
	z.signing = &signing{keys: keys, signatures: s.signatures, answers: newRecent[*section](answerRoom), budget: &s.signBudget}
}
