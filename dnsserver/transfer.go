package dnsserver

import (
	"fmt"
	"time"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// transferMessage is how large a message of a transfer grows, in octets: names
// in it can be pointed to from everywhere (RFC 1035 §4.1.4: 14 bits).
const transferMessage = 1<<14 - 1

// transferPatience is how long a secondary may take to take one message.
const transferPatience = 10 * time.Second

// transfer answers AXFR and IXFR over TCP to those who may have the zone; done
// is false if it is none, or the answer is one message that says no.
func (x *exchange) transfer(msg []byte) (done bool, err error) {
	r, q := x.r, &x.r.q
	if q.parse(msg) != good || q.qtype != typeAXFR && q.qtype != typeIXFR || q.class != classIN {
		return false, nil
	}
	if !q.tsig {
		return x.s.transfers.refuse()
	}
	t, err := parseTSIG(msg, q.tsigAt)
	if err != nil {
		return x.s.transfers.refuse()
	}
	key, plain, code := r.conf.keys.verify(msg, q.tsigAt, &t, uint64(r.now))
	if code != 0 || !r.conf.mayTransfer(r.client, key) {
		return x.s.transfers.refuse()
	}
	q.parse(plain)
	name := append([]byte{}, lower(&r.lowered, q.name)...)
	zones := x.s.zones.Load()
	z := zones.exactly(name)
	if z == nil || len(z.source.Keys) > 0 || !x.s.transfers.begin() {
		// A signed zone is not given away: signatures are made for each answer, and
		// a copy without them would be called forged. Respond says that it is
		// prohibited, signed.
		return x.s.transfers.refuse()
	}
	defer x.s.transfers.end()
	w := &transferWriter{x: x, head: plain[:headerSize+len(q.question)], sign: &signer{key: key, before: t.mac}, room: key.room()}
	serial, known := clientSerial(plain, q)
	if q.qtype == typeIXFR && known {
		return true, x.incremental(w, z, serial)
	}
	x.s.transfers.whole.Add(1)
	return true, w.zone(z)
}

// clientSerial reads the serial that an IXFR question says its client has
// (RFC 1995 §3).
func clientSerial(msg []byte, q *query) (serial uint32, ok bool) {
	if q.qtype != typeIXFR || u16(msg[8:]) != 1 || u16(msg[6:]) != 0 {
		return 0, false
	}
	off := skipName(msg, q.before)
	if off < 0 || off+10 > len(msg) || u16(msg[off:]) != uint16(srv.TypeSOA) {
		return 0, false
	}
	off += 10
	for range 2 { // MNAME, RNAME
		if off = skipName(msg, off); off < 0 {
			return 0, false
		}
	}
	if off+4 > len(msg) {
		return 0, false
	}
	return uint32(u16(msg[off:]))<<16 | uint32(u16(msg[off+2:])), true
}

// transferWriter puts records into messages and sends them, signed, as they
// fill: a transfer takes the memory of one message, however large the zone.
type transferWriter struct {
	x    *exchange
	head []byte // header and question of what is answered
	sign *signer
	room int // that a signature takes

	msg     []byte // under way; the question's name, the origin, stands behind the header
	records int
	last    []byte // owner of the record before, relative to the origin
	lastAt  int    // where it stands
}

// transferRecord is a record without its owner.
type transferRecord struct {
	typ  uint16
	ttl  uint32
	data []byte // uncompressed
}

func (w *transferWriter) begin() {
	w.msg = append(w.msg[:0], w.head...)
	putU16(w.msg[2:], flagQR|flagAA)
	clear(w.msg[6:headerSize])
	w.records, w.last, w.lastAt = 0, w.last[:0], headerSize
}

// record writes one record; the owner is in wire form, without the origin.
func (w *transferWriter) record(owner []byte, r *transferRecord) error {
	if w.msg == nil {
		w.begin()
	}
	if size := len(owner) + 2 + 10 + len(r.data); len(w.msg)+size+w.room > transferMessage && w.records > 0 {
		if err := w.flush(); err != nil {
			return err
		}
		w.begin()
	}
	switch {
	case len(owner) > 0 && string(owner) != string(w.last):
		w.last, w.lastAt = append(w.last[:0], owner...), len(w.msg)
		w.msg = append(w.msg, owner...)
		w.msg = append(w.msg, 0xC0, headerSize)
	case len(owner) == 0:
		w.msg = append(w.msg, 0xC0, headerSize)
	default:
		w.msg = append(w.msg, 0xC0|byte(w.lastAt>>8), byte(w.lastAt))
	}
	w.msg = append(w.msg, byte(r.typ>>8), byte(r.typ), 0, classIN, byte(r.ttl>>24), byte(r.ttl>>16), byte(r.ttl>>8), byte(r.ttl))
	w.msg = append(w.msg, byte(len(r.data)>>8), byte(len(r.data)))
	w.msg = append(w.msg, r.data...)
	w.records++
	return nil
}

// flush signs and sends the message under way.
func (w *transferWriter) flush() error {
	putU16(w.msg[6:], uint16(w.records))
	w.msg = w.sign.sign(w.msg, uint64(time.Now().Unix()), 0, nil)
	if len(w.msg) > maxMessage {
		return fmt.Errorf("message of %d octets in a transfer", len(w.msg))
	}
	_ = w.x.conn.SetDeadline(time.Now().Add(transferPatience))
	if err := w.x.send(w.msg); err != nil {
		return err
	}
	w.x.s.conns.touch(w.x.conn)
	return w.x.out.Flush()
}

// zone writes all of a zone (RFC 5936 §2.2): the SOA record first and last.
func (w *transferWriter) zone(z *zone) error {
	soa, err := soaRecord(z.source.SOA)
	if err != nil {
		return err
	}
	if err := w.record(nil, soa); err != nil {
		return err
	}
	if err := z.eachSet(w.record); err != nil {
		return err
	}
	if err := z.eachTenant(w.record); err != nil {
		return err
	}
	if err := w.record(nil, soa); err != nil {
		return err
	}
	return w.flush()
}
