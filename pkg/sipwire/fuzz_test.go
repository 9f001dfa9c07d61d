package sipwire

import (
	"bytes"
	"testing"
)

// FuzzParse: no octets make the parser panic, and what it makes of a message
// it can read again.
func FuzzParse(f *testing.F) {
	for _, c := range allTorture() {
		f.Add(crlf(c.text))
	}
	var m, again Message
	var e Editor
	f.Fuzz(func(t *testing.T, b []byte) {
		fault := m.Parse(b)
		for vias := m.Vias(); ; {
			if _, ok := vias.Next(); !ok {
				break
			}
		}
		for contacts := m.Contacts(); ; {
			if _, ok := contacts.Next(); !ok {
				break
			}
		}
		if m.Answerable() {
			reply := m.AppendReply(nil, Reply{Status: 503, Reason: "Service Unavailable", Tag: []byte("x"), Source: source})
			if len(reply) > len(b)+200 {
				t.Fatalf("answer of %d octets to %d", len(reply), len(b))
			}
			if f := again.Parse(reply); f != None && fault == None {
				t.Fatalf("answer has fault %q:\n%q\nto\n%q", f, reply, b)
			}
		}
		if fault != None || !m.IsRequest() || m.MaxForwards() == 0 {
			return
		}
		hops, body := m.MaxForwards(), bytes.Clone(m.Body())
		out := e.AppendRequest(nil, &m, Hop{Via: "SIP/2.0/UDP 192.0.2.1:5060", Branch: []byte("z9hG4bKx"), Source: source, PopRoute: m.Route(0) != nil})
		if f := again.Parse(out); f != None {
			t.Fatalf("passed on with fault %q:\n%q\nfrom\n%q", f, out, b)
		}
		if !bytes.Equal(again.Body(), body) || !bytes.Equal(again.CallID(), m.CallID()) || !bytes.Equal(again.URI(), m.URI()) || (hops > 0 && again.MaxForwards() != hops-1) {
			t.Fatalf("passed on as\n%q\nfrom\n%q", out, b)
		}
		next, ok := again.NextVia()
		if a, good := next.Addr(); !ok || !good || a.Addr() != source.Addr() {
			t.Fatalf("a response would go to %v:\n%q", a, out)
		}
	})
}

// FuzzFramer: how a stream is cut into pieces changes nothing, and no message
// is longer than the limit.
func FuzzFramer(f *testing.F) {
	f.Add([]byte("OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc\r\n\r\nINFO sip:a SIP/2.0\nContent-Length: 0\n\n"), uint8(3))
	f.Add([]byte("\r\n\r\n\r\nX: y\r\n\r\n"), uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, n uint8) {
		whole, pieces := frames(stream, len(stream)+1, 512), frames(stream, int(n)+1, 512)
		if len(whole) != len(pieces) {
			t.Fatalf("%q against %q", whole, pieces)
		}
		for i := range whole {
			if whole[i] != pieces[i] || len(whole[i]) > 512 {
				t.Fatalf("%q against %q", whole[i], pieces[i])
			}
		}
	})
}
