package dnsserver

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// TSIGKey is a secret shared with a secondary (RFC 8945), for HMAC-SHA256.
type TSIGKey struct {
	// Name is what both sides call the key: a domain name.
	Name string
	// Secret should have 32 octets; a short one can be guessed.
	Secret []byte
}

// minSecret is the shortest secret taken, in octets (RFC 8945 §10 wants as many
// as the hash has; this is what half of it gives).
const minSecret = 16

// tsigKeys are the keys by the wire form of their names.
type tsigKeys map[string]*tsigKey

type tsigKey struct {
	name   string
	wire   []byte
	secret []byte
}

func newKeys(list []TSIGKey) (tsigKeys, error) {
	keys := tsigKeys{}
	for _, k := range list {
		w, err := packName(k.Name)
		if err != nil || len(w) < 2 {
			return nil, fmt.Errorf("configure TSIG key %q: not a domain name", k.Name)
		}
		if len(k.Secret) < minSecret {
			return nil, fmt.Errorf("configure TSIG key %q: a secret of %d octets, at least %d", k.Name, len(k.Secret), minSecret)
		}
		if keys[string(w)] != nil {
			return nil, fmt.Errorf("configure TSIG key %q: stands twice", k.Name)
		}
		keys[string(w)] = &tsigKey{k.Name, w, bytes.Clone(k.Secret)}
	}
	return keys, nil
}

// tsigFudge is by how much clocks may differ, in seconds (RFC 8945 §10).
const tsigFudge = 300

// Errors of TSIG (RFC 8945 §3).
const (
	tsigBadSig   = 16
	tsigBadKey   = 17
	tsigBadTime  = 18
	tsigBadTrunc = 22
)

// tsigAlgorithm is hmac-sha256 in wire form.
const tsigAlgorithm = "\x0bhmac-sha256\x00"

// tsig is the signature record of a message (RFC 8945 §4.2).
type tsig struct {
	key       []byte // wire form, lower case
	algorithm []byte
	time      uint64 // seconds since 1970
	fudge     uint16
	mac       []byte
	id        uint16 // of the message when it was signed
	code      uint16
	other     []byte
}

var errTSIGForm = errors.New("TSIG record out of form")

// parseTSIG reads the record at an offset of a message, the last one.
func parseTSIG(msg []byte, at int) (t tsig, err error) {
	end := skipName(msg, at)
	n := nameLen(msg[at:])
	if end < 0 || n == 0 || at+n != end || len(msg) < end+10 { // RFC 8945 §4.2: not compressed
		return t, errTSIGForm
	}
	var low [maxName]byte
	t.key = bytes.Clone(lower(&low, msg[at:end]))
	if u16(msg[end+2:]) != 255 || binary.BigEndian.Uint32(msg[end+4:]) != 0 { // class ANY, TTL 0
		return t, errTSIGForm
	}
	data := msg[end+10:]
	n = nameLen(data)
	if n == 0 || len(data) < n+10 {
		return t, errTSIGForm
	}
	t.algorithm = bytes.Clone(lower(&low, data[:n]))
	data = data[n:]
	t.time = uint64(u16(data))<<32 | uint64(binary.BigEndian.Uint32(data[2:]))
	t.fudge = u16(data[6:])
	size := int(u16(data[8:]))
	data = data[10:]
	if len(data) < size+6 {
		return t, errTSIGForm
	}
	t.mac, data = data[:size], data[size:]
	t.id, t.code = u16(data), u16(data[2:])
	if t.other = data[6:]; len(t.other) != int(u16(data[4:])) {
		return t, errTSIGForm
	}
	return t, nil
}

// append appends the record.
func (t *tsig) append(msg []byte) []byte {
	msg = append(msg, t.key...)
	msg = append(msg, 0, typeTSIG, 0, 255, 0, 0, 0, 0)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(t.algorithm)+10+len(t.mac)+6+len(t.other)))
	msg = append(msg, t.algorithm...)
	msg = t.timers(msg)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(t.mac)))
	msg = append(msg, t.mac...)
	msg = binary.BigEndian.AppendUint16(msg, t.id)
	msg = binary.BigEndian.AppendUint16(msg, t.code)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(t.other)))
	return append(msg, t.other...)
}

func (t *tsig) timers(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(t.time>>32))
	b = binary.BigEndian.AppendUint32(b, uint32(t.time))
	return binary.BigEndian.AppendUint16(b, t.fudge)
}

// digest is the MAC of a message without its TSIG record (RFC 8945 §4.3): before
// it stands the MAC of what it answers, or of the message before in a stream,
// and for those behind the first of a stream only the timers follow.
func (t *tsig) digest(secret, before, msg []byte, following bool) []byte {
	h := hmac.New(sha256.New, secret)
	if before != nil {
		h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(before))))
		h.Write(before)
	}
	h.Write(msg)
	var vars []byte
	if !following {
		vars = append(vars, t.key...)
		vars = append(vars, 0, 255, 0, 0, 0, 0)
		vars = append(vars, t.algorithm...)
	}
	vars = t.timers(vars)
	if !following {
		vars = binary.BigEndian.AppendUint16(vars, t.code)
		vars = binary.BigEndian.AppendUint16(vars, uint16(len(t.other)))
		vars = append(vars, t.other...)
	}
	h.Write(vars)
	return h.Sum(nil)
}

// verify checks a signed question (RFC 8945 §5.2) and returns the key that it
// is signed with and the message without the record, or the error to tell.
func (ks tsigKeys) verify(msg []byte, at int, t *tsig, now uint64) (key *tsigKey, plain []byte, code uint16) {
	if key = ks[string(t.key)]; key == nil || string(t.algorithm) != tsigAlgorithm {
		return nil, nil, tsigBadKey
	}
	if len(t.mac) < sha256.Size {
		return nil, nil, tsigBadTrunc
	}
	plain = bytes.Clone(msg[:at])
	putU16(plain[10:], u16(plain[10:])-1)
	putU16(plain, t.id)
	good := hmac.Equal(t.digest(key.secret, nil, plain, false), t.mac)
	putU16(plain, u16(msg))
	switch {
	case !good:
		return nil, nil, tsigBadSig
	case now > t.time+uint64(t.fudge) || t.time > now+uint64(t.fudge):
		return key, plain, tsigBadTime
	}
	return key, plain, 0
}

// answers reports whether a message is signed as the answer to what we signed
// with a key; mac was ours (RFC 8945 §5.4).
func (ks tsigKeys) answers(msg []byte, at int, t *tsig, key *tsigKey, mac []byte) bool {
	if string(t.key) != string(key.wire) || string(t.algorithm) != tsigAlgorithm || t.code != 0 {
		return false
	}
	plain := bytes.Clone(msg[:at])
	putU16(plain[10:], u16(plain[10:])-1)
	putU16(plain, t.id)
	return hmac.Equal(t.digest(key.secret, mac, plain, false), t.mac)
}

// signer signs what answers one signed question.
type signer struct {
	key    *tsigKey
	before []byte // MAC
	more   bool   // the first message was signed
}

// sign appends the signature to a message.
func (s *signer) sign(msg []byte, now uint64, code uint16, other []byte) []byte {
	t := tsig{key: s.key.wire, algorithm: []byte(tsigAlgorithm), time: now, fudge: tsigFudge, id: u16(msg), code: code, other: other}
	t.mac = t.digest(s.key.secret, s.before, msg, s.more)
	s.before, s.more = t.mac, true
	msg = t.append(msg)
	putU16(msg[10:], u16(msg[10:])+1)
	return msg
}

// room is what a signature with the key takes, without a time in it for errors.
func (k *tsigKey) room() int { return len(k.wire) + 10 + len(tsigAlgorithm) + 10 + sha256.Size + 6 }
