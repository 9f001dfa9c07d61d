package update

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// MaxSets bounds what is kept by dynamic update. A zone with more tenants is
// better served as a secondary.
const MaxSets = 20_000

// markerLabel is the owner, below the zone, of the TXT record with the epoch.
const markerLabel = "_sipsteer."

// rrset is one set as it should stand on the server.
type rrset struct {
	key     srv.Key
	records []dns.RR
}

// text tells the content of a set from another's, whatever the order.
func text(records []dns.RR) string {
	lines := make([]string, len(records))
	for i, rr := range records {
		lines[i] = strings.ToLower(rr.String())
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// wanted lists the sets of the steered zone that lie in the zone kept, without
// what belongs to the server's operator: its apex.
func wanted(z *srv.Zone, zone string) ([]rrset, error) {
	var out []rrset
	for s := range z.All() {
		if !strings.HasSuffix(s.Name, "."+zone) || notKept(s.Type) {
			continue
		}
		if len(out) == MaxSets {
			return nil, fmt.Errorf("more than %d sets: let the server follow as a secondary instead (dns.secondaries)", MaxSets)
		}
		set := rrset{key: s.Key()}
		for _, d := range s.Data {
			rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", s.Name, s.TTL, s.Type, d))
			if err != nil {
				return nil, fmt.Errorf("make record of %s: %w", s.Key(), err)
			}
			set.records = append(set.records, rr)
		}
		out = append(out, set)
	}
	return out, nil
}

// notKept are the types that are about this zone here: there it is cut or signed
// in another way.
func notKept(t srv.Type) bool {
	switch t {
	case srv.TypeNS, srv.TypeDNSKEY, srv.TypeCDS, srv.TypeCDNSKEY:
		return true
	}
	return false
}

// markerKey is where the marker of a zone stands.
func markerKey(zone string) srv.Key { return srv.Key{Name: markerLabel + zone, Type: srv.TypeTXT} }

// marker is the record that says which epoch was written.
func marker(zone string, epoch uint64) dns.RR {
	return &dns.TXT{
		Hdr: dns.RR_Header{Name: markerLabel + zone, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 5},
		Txt: []string{"epoch=" + strconv.FormatUint(epoch, 10)},
	}
}

// epochOf reads a marker; 0 is none.
func epochOf(records []dns.RR) uint64 {
	for _, rr := range records {
		if t, ok := rr.(*dns.TXT); ok && len(t.Txt) == 1 {
			if n, err := strconv.ParseUint(strings.TrimPrefix(t.Txt[0], "epoch="), 10, 64); err == nil {
				return n
			}
		}
	}
	return 0
}

// messages puts changes into updates (RFC 2136 §2.5), each of which is carried
// out only if the marker is what it was when it was read, and moves it on.
func messages(zone string, before, epoch uint64, changes []rrset) []*dns.Msg {
	const each = 50 // sets: well below what a message holds
	var out []*dns.Msg
	for part := range slices.Chunk(append(changes, rrset{}), each) {
		m := new(dns.Msg)
		m.SetUpdate(zone)
		if before == 0 {
			m.RRsetNotUsed([]dns.RR{marker(zone, 0)})
		} else {
			m.Used([]dns.RR{marker(zone, before)})
		}
		for _, s := range part {
			if s.key.Name == "" {
				continue
			}
			m.RemoveRRset([]dns.RR{&dns.RR_Header{Name: s.key.Name, Rrtype: uint16(s.key.Type), Class: dns.ClassINET}})
			m.Insert(s.records)
		}
		m.RemoveRRset([]dns.RR{marker(zone, 0)})
		m.Insert([]dns.RR{marker(zone, epoch)})
		out = append(out, m)
		before = epoch
	}
	return out
}
