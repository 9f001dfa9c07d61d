package dnsserver

import "fmt"

// section is a run of packed records that stands behind the question in an
// answer. Its names are compressed by pointers whose targets are known only
// relative to the section's start, since that depends on the length of the
// question's name: one section serves names of every length, so that many
// owners can share it.
type section struct {
	data []byte
	// fixes are the offsets in data of compression pointers. Each holds its
	// target relative to the start of the section, as a signed 16-bit number;
	// names of the zone's origin lie before the start, in the question.
	fixes []uint16
	// cuts are the places where the section may end, shortest first: the first
	// is the whole answer, each further one adds an additional RRset.
	cuts []cut
	// answers is how many records of the first cut are the answer; the rest of
	// it is authority.
	answers int
	// referral says that the zone is not the authority for what is asked
	// (RFC 1034 §4.2.1).
	referral bool
	// rcode of the answer: that of the last name of a chain (RFC 6604 §3).
	rcode rcode
}

// cut is a place where a section may end.
type cut struct {
	size       int // octets of data
	fixes      int // how many fixes are before it
	records    int // in the answer or authority section
	additional int // in the additional section
}

// place copies the section behind msg, as far as the last of the cuts that
// room octets hold, and returns the longer message and that cut; ok is false if
// not even the first fits.
func (s *section) place(msg []byte, cuts []cut, room int) (out []byte, c cut, ok bool) {
	i := len(cuts) - 1
	for ; i >= 0 && cuts[i].size > room; i-- {
	}
	if i < 0 {
		return msg, cut{}, false
	}
	c = cuts[i]
	start := len(msg)
	msg = append(msg, s.data[:c.size]...)
	for _, f := range s.fixes[:c.fixes] {
		p := msg[start+int(f):]
		putU16(p, 0xC000|uint16(start+int(int16(u16(p)))))
	}
	return msg, c, true
}

// maxPointer is the largest offset in a section that a pointer can reach
// wherever the section starts (RFC 1035 §4.1.4: 14 bits).
const maxPointer = 0x3FFF - headerSize - maxName - 4

// packer builds a section. Records before the first cut are the answer or the
// authority, those behind it additional.
type packer struct {
	s     *section
	known map[string]int // where the wire form of a name stands, relative to the section
	count cut            // so far
	plain bool           // names are never compressed
	extra bool           // what comes is additional, and yet belongs to the first cut
	err   error
}

// newPacker starts a section in a zone with that origin (wire form). The
// origin stands at the end of every question's name, so pointers may lead there.
func newPacker(origin []byte) *packer {
	p := &packer{s: &section{answers: -1}, known: map[string]int{}}
	for off := 0; origin[off] != 0; off += 1 + int(origin[off]) {
		p.known[string(origin[off:])] = off - len(origin) - 4
	}
	return p
}

func (p *packer) u8(v int)       { p.s.data = append(p.s.data, byte(v)) }
func (p *packer) u16(v int)      { p.s.data = append(p.s.data, byte(v>>8), byte(v)) }
func (p *packer) u32(v uint32)   { p.u16(int(v >> 16)); p.u16(int(v & 0xFFFF)) }
func (p *packer) bytes(b []byte) { p.s.data = append(p.s.data, b...) }

// text packs a character string (RFC 1035 §3.3).
func (p *packer) text(s string) {
	if len(s) > 255 {
		p.fail(fmt.Errorf("character string of %d octets is longer than 255", len(s)))
		return
	}
	p.u8(len(s))
	p.s.data = append(p.s.data, s...)
}

func (p *packer) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// name packs a name given in presentation form. Data of types younger than
// RFC 1035 is never compressed (RFC 3597 §4), but later names may point to it.
func (p *packer) name(name string, compress bool) {
	w, err := packName(name)
	if err != nil {
		p.fail(err)
		return
	}
	for off := 0; w[off] != 0; off += 1 + int(w[off]) {
		at, ok := p.known[string(w[off:])]
		if ok && compress && !p.plain {
			p.s.fixes = append(p.s.fixes, uint16(len(p.s.data)))
			p.u16(at)
			return
		}
		if !ok && len(p.s.data) <= maxPointer {
			p.known[string(w[off:])] = len(p.s.data)
		}
		p.bytes(w[off : off+1+int(w[off])])
	}
	p.u8(0)
}

// owner packs a record up to its TTL. An empty name is the question's.
func (p *packer) owner(name string, typ uint16, ttl uint32) {
	if name == "" {
		p.u16(0xC000 | headerSize)
	} else {
		p.name(name, true)
	}
	p.u16(int(typ))
	p.u16(classIN)
	p.u32(ttl)
	if len(p.s.cuts) == 0 && !p.extra {
		p.count.records++
	} else {
		p.count.additional++
	}
}

// data packs RDATA behind its length.
func (p *packer) data(fill func()) {
	at := len(p.s.data)
	p.u16(0)
	fill()
	if n := len(p.s.data) - at - 2; n <= 65535 {
		putU16(p.s.data[at:], uint16(n))
	} else {
		p.fail(fmt.Errorf("record data of %d octets", n))
	}
}

// authority marks where the authority section begins; without it all records
// of the first cut are answers.
func (p *packer) authority() { p.s.answers = p.count.records }

// glue marks where additional records begin that must not be left out.
func (p *packer) glue() { p.extra = true }

// cut marks a place where the section may end.
func (p *packer) cut() {
	p.count.size, p.count.fixes = len(p.s.data), len(p.s.fixes)
	p.s.cuts = append(p.s.cuts, p.count)
}

// done returns the section. The answer itself, without additional records,
// must fit in a message.
func (p *packer) done() (*section, error) {
	if p.err != nil {
		return nil, p.err
	}
	if len(p.s.cuts) == 0 {
		p.cut()
	}
	if p.s.answers < 0 {
		p.s.answers = p.s.cuts[0].records
	}
	if n := p.s.cuts[0].size; n > maxSection {
		return nil, fmt.Errorf("answer of %d octets is longer than %d", n, maxSection)
	}
	for last := len(p.s.cuts) - 1; p.s.cuts[last].size > maxSection; last-- {
		p.s.cuts = p.s.cuts[:last]
	}
	return p.s, nil
}

// maxSection leaves room for header, question and OPT with all options.
const maxSection = maxMessage - headerSize - maxName - 4 - optFixed - 4 - maxText - 4 - clientCookie - serverCookie - 6 - 4 - maxName
