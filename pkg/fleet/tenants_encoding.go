package fleet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// TenantsFormat is the version of the binary form of Tenants.
const TenantsFormat = 1

// AppendBinary appends the table's binary form, the same for equal tables. It
// holds no checksum: whoever stores it has one.
//
//	version   1 octet
//	services  a list: how many, then length and text of each
//	parents   a list: what stands behind the first dot of the domains
//	tenants   how many, then of each: how many octets the first label has in
//	          common with the one before, length and text of its rest, the
//	          index of its parent, the index of its service
//
// Numbers are unsigned varints; both lists are in order and hold no more than
// is used.
func (t *Tenants) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, TenantsFormat)
	services, parents := map[string]int{}, map[string]int{}
	for _, s := range t.Services() {
		services[string(s.Service)] = 0
	}
	for domain := range t.All() {
		_, parent, _ := strings.Cut(string(domain), ".")
		parents[parent] = 0
	}
	b = appendList(b, services)
	b = appendList(b, parents)
	b = binary.AppendUvarint(b, uint64(t.Len()))
	last := ""
	for domain, service := range t.All() {
		label, parent, _ := strings.Cut(string(domain), ".")
		common := 0
		for common < min(len(label), len(last)) && label[common] == last[common] {
			common++
		}
		b = binary.AppendUvarint(b, uint64(common))
		b = appendString(b, label[common:])
		b = binary.AppendUvarint(b, uint64(parents[parent]))
		b = binary.AppendUvarint(b, uint64(services[string(service)]))
		last = label
	}
	return b, nil
}

// MarshalBinary implements encoding.BinaryMarshaler; see AppendBinary.
func (t *Tenants) MarshalBinary() ([]byte, error) { return t.AppendBinary(nil) }

// appendList appends the keys in order and gives each its index.
func appendList(b []byte, words map[string]int) []byte {
	b = binary.AppendUvarint(b, uint64(len(words)))
	for i, w := range slices.Sorted(maps.Keys(words)) {
		words[w] = i
		b = appendString(b, w)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It takes no more
// memory than the data is worth, and refuses names out of form or order. The
// table must be new.
func (t *Tenants) UnmarshalBinary(data []byte) error {
	if len(data) == 0 {
		return fmt.Errorf("decode tenants: %w", errTenantsCut)
	}
	if data[0] != TenantsFormat {
		return fmt.Errorf("decode tenants: format %d, this program knows %d", data[0], TenantsFormat)
	}
	d := tenantDecoder{rest: data[1:]}
	services, parents := d.list(), d.list()
	for _, s := range services {
		if why := nameProblem(s); why != "" {
			d.fail(fmt.Errorf("service %q %s", s, why))
		}
	}
	n := d.number(len(d.rest) / 4) // each takes four octets at least
	b := newTenantBuilder()
	label, last := []byte(nil), ""
	for i := 0; i < n && d.err == nil; i++ {
		label = append(label[:d.number(len(label))], d.text()...)
		domain := string(label)
		if p := d.word(parents); p != "" {
			domain += "." + p
		}
		service := d.word(services)
		switch why := tenantProblem(domain); {
		case d.err != nil:
		case why != "":
			d.fail(fmt.Errorf("tenant %q %s", domain, why))
		case i > 0 && domain <= last:
			d.fail(fmt.Errorf("%w: %q after %q", ErrTenantOrder, domain, last))
		default:
			b.add(TenantID(domain), ServiceID(service))
		}
		last = domain
	}
	if d.err == nil && len(d.rest) > 0 {
		d.fail(fmt.Errorf("%d octets behind the end", len(d.rest)))
	}
	if d.err != nil {
		return fmt.Errorf("decode tenants: %w", d.err)
	}
	*t = *b.done()
	return nil
}

// tenantDecoder reads the binary form; after an error everything is zero.
type tenantDecoder struct {
	rest []byte
	err  error
}

var errTenantsCut = errors.New("data is cut short or damaged")

func (d *tenantDecoder) fail(err error) {
	if d.err == nil {
		d.err, d.rest = err, nil
	}
}

// number reads one that is not above most.
func (d *tenantDecoder) number(most int) int {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > uint64(most) {
		d.fail(errTenantsCut)
		return 0
	}
	d.rest = d.rest[n:]
	return int(v)
}

func (d *tenantDecoder) text() []byte {
	n := d.number(len(d.rest))
	out := d.rest[:min(n, len(d.rest))]
	if len(out) < n {
		d.fail(errTenantsCut)
		return nil
	}
	d.rest = d.rest[n:]
	return out
}

// list reads words in order.
func (d *tenantDecoder) list() []string {
	n := d.number(len(d.rest))
	var out []string
	for i := 0; i < n && d.err == nil; i++ {
		out = append(out, string(d.text()))
		if i > 0 && out[i] <= out[i-1] {
			d.fail(fmt.Errorf("%q after %q", out[i], out[i-1]))
		}
	}
	return out
}

func (d *tenantDecoder) word(words []string) string {
	i := d.number(len(words))
	if i >= len(words) {
		d.fail(errTenantsCut)
		return ""
	}
	return words[i]
}
