package meter

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// maxSame bounds the devices of one address of record: more than a person has,
// fewer than a stranger can invent.
const maxSame = 16

// locked returns the shard of an address of record, with its lock held, and its
// key there. The host is compared in any case (RFC 3261 §19.1.4).
func (m *Meter) locked(uri []byte) (*shard, uint64) {
	var h maphash.Hash
	var buf [maxName]byte
	h.SetSeed(m.seed)
	host, _ := sipwire.HostOf(uri)
	h.Write(sipwire.UserOf(uri))
	h.WriteByte('@')
	h.Write(lowered(buf[:0], host))
	return m.lock(h.Sum64())
}

// lockedPeer is locked for a trunk, which is known by its address.
func (m *Meter) lockedPeer(addr netip.Addr) (*shard, uint64) {
	ip := addr.Unmap().As16()
	return m.lock(maphash.Bytes(m.seed, ip[:]))
}

func (m *Meter) lock(key uint64) (*shard, uint64) {
	s := m.shard(key)
	s.mu.Lock()
	return s, key
}

// find returns the device at an address; nil without one.
func (s *shard) find(key uint64, addr netip.Addr) *device {
	for _, x := range s.devices[key] {
		if x.source.Addr() == addr {
			return x
		}
	}
	return nil
}

// learn makes a device. It returns nil when there is no room. It is called with
// the shard held.
func (m *Meter) learn(s *shard, key uint64, who []byte, r *sipwire.Message, src netip.AddrPort, t fleet.Transport) *device {
	if !s.room(key, m.cfg.MaxDevices/shards+1) {
		m.lost.Add(1)
		return nil
	}
	x := &device{peer: !r.Is("REGISTER"), transport: t, source: src}
	host, _ := sipwire.HostOf(who)
	var buf, name [maxName]byte
	user := cleaned(buf[:0], sipwire.UserOf(who))
	aor := user[:min(len(user), maxName/2)]
	if len(aor) > 0 {
		aor = append(aor, '@')
	}
	at := len(aor)
	aor = append(aor, lowered(name[:0], host)...)
	x.aor = string(aor)
	x.domain = x.aor[at:]
	agent, _ := r.Value(sipwire.HeaderUserAgent)
	x.agent = m.names.shared(cleaned(name[:0], agent))
	x.family = m.names.shared(Family(name[:0], agent))
	s.devices[key] = append(s.devices[key], x)
	s.size++
	return x
}

// room makes room for a device if it can: those that never registered go first.
func (s *shard) room(key uint64, most int) bool {
	if same := s.devices[key]; len(same) >= maxSame {
		i := slices.IndexFunc(same, func(x *device) bool { return !x.registered })
		if i < 0 {
			return false
		}
		s.drop(key, i)
	}
	return s.size < most || s.dropStranger()
}

// dropStranger looks at a few only, so that a flood of inventions stays cheap to
// refuse.
func (s *shard) dropStranger() bool {
	looked := 0
	for key, same := range s.devices {
		if i := slices.IndexFunc(same, func(x *device) bool { return !x.registered }); i >= 0 {
			s.drop(key, i)
			return true
		}
		if looked++; looked == 8 {
			return false
		}
	}
	return false
}

func (s *shard) drop(key uint64, i int) {
	s.size--
	if same := slices.Delete(s.devices[key], i, i+1); len(same) > 0 {
		s.devices[key] = same
		return
	}
	delete(s.devices, key)
}

// forget drops the devices of which nothing is to be known any more.
func (s *shard) forget(now time.Time, d drain) {
	for key, same := range s.devices {
		for i := len(same) - 1; i >= 0; i-- {
			if same[i].forgotten(now, d) {
				s.drop(key, i)
				same = s.devices[key]
			}
		}
	}
}
