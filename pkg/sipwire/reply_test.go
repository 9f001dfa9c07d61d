package sipwire

import (
	"bytes"
	"testing"
)

// TestReply holds the octets of an answer: RFC 3261 §8.2.6.2.
func TestReply(t *testing.T) {
	for _, c := range []struct{ name, request, want string }{
		{"long names", `INVITE sip:bob@example.net SIP/2.0
Via: SIP/2.0/UDP 10.0.0.1:5062;rport;branch=z9hG4bK1
Via: SIP/2.0/TLS [2001:db8::1];branch=z9hG4bK0 , SIP/2.0/TCP a
Max-Forwards: 70
From: "A, \"B\"" <sip:anna@example.net>;tag=1
To: <sip:bob@example.net>
Record-Route: <sip:x;lr>
Call-ID:  id@x
CSeq: 007 INVITE
Content-Length: 3

v=0`, `SIP/2.0 503 Service Unavailable
Via: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1;received=198.51.100.7;rport=40000
Via: SIP/2.0/TLS [2001:db8::1];branch=z9hG4bK0 , SIP/2.0/TCP a
From: "A, \"B\"" <sip:anna@example.net>;tag=1
To: <sip:bob@example.net>;tag=new
Call-ID:  id@x
CSeq: 007 INVITE
Retry-After: 5
Content-Length: 0

`},
		{"compact, folded, with a To tag", `BYE sip:bob@example.net SIP/2.0
v:SIP/2.0/UDP a.example.net
 ;branch=z9hG4bK1, SIP/2.0/UDP b
f:sip:anna@example.net;tag=1
T :
	<sip:bob@example.net> ; Tag = 2
i:x
cseq: 2
 BYE

`, `SIP/2.0 503 Service Unavailable
v:SIP/2.0/UDP a.example.net
 ;branch=z9hG4bK1;received=198.51.100.7, SIP/2.0/UDP b
f:sip:anna@example.net;tag=1
T :
	<sip:bob@example.net> ; Tag = 2
i:x
cseq: 2
 BYE
Retry-After: 5
Content-Length: 0

`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Message
			if f := m.Parse(crlf(c.request)); f != None {
				t.Fatal(f)
			}
			got := m.AppendReply(nil, Reply{Status: 503, Reason: "Service Unavailable", Tag: []byte("new"), Extra: []byte("Retry-After: 5\r\n"), Source: source})
			if !bytes.Equal(got, crlf(c.want)) {
				t.Errorf("got\n%s\nwant\n%s", got, crlf(c.want))
			}
		})
	}
}

// TestNoAnswer: to what there is never an answer (RFC 3261 §17.2.1, §18.1.2).
func TestNoAnswer(t *testing.T) {
	const rest = "\nVia: SIP/2.0/UDP a\nFrom: <sip:a@b>;tag=1\nTo: <sip:b@c>\nCall-ID: x\nCSeq: 1 ACK\n\n"
	for _, start := range []string{"ACK sip:b@c SIP/2.0", "ACK  sip:b@c SIP/2.0", "ACK sip:b@c SIP/9.0", "ACK <sip:b@c> SIP/2.0", "SIP/2.0 200 OK", "SIP/1.0 200 OK"} {
		var m Message
		m.Parse(crlf(start + rest))
		if m.Answerable() {
			t.Errorf("%s is answerable", start)
		}
	}
}

// TestPassOn: AppendRequest and AppendResponse undo each other but for what
// RFC 3261 §16.6 wants changed.
func TestPassOn(t *testing.T) {
	const before = `OPTIONS sip:bob@example.net SIP/2.0
m: <sip:a@b>
Route: <sip:192.0.2.1;lr>
v: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1, SIP/2.0/UDP z
From: <sip:a@b>;tag=1
t: <sip:b@c>
i: x
CSeq: 1 OPTIONS
X: "
 y
l: 2

ab`
	const after = `OPTIONS sip:bob@example.net SIP/2.0
m: <sip:a@b>
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours
Max-Forwards: 70
v: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=198.51.100.7, SIP/2.0/UDP z
From: <sip:a@b>;tag=1
t: <sip:b@c>
i: x
CSeq: 1 OPTIONS
X: "
 y
l: 2

ab`
	var m Message
	var e Editor
	if f := m.Parse(append(crlf(before), "left over"...)); f != None {
		t.Fatal(f)
	}
	got := e.AppendRequest(nil, &m, Hop{Via: "SIP/2.0/UDP 192.0.2.1:5060", Branch: []byte("z9hG4bKours"), Source: source, PopRoute: true})
	if !bytes.Equal(got, crlf(after)) {
		t.Fatalf("got\n%s\nwant\n%s", got, crlf(after))
	}

	response := append([]byte("SIP/2.0 200 OK\r\n"), got[bytes.IndexByte(got, '\n')+1:]...)
	if f := m.Parse(response); f != None {
		t.Fatal(f)
	}
	back := e.AppendResponse(nil, &m)
	want := bytes.Replace(response, []byte("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours\r\n"), nil, 1)
	if !bytes.Equal(back, want) {
		t.Errorf("got\n%s\nwant\n%s", back, want)
	}
	if f := m.Parse(append([]byte(nil), back...)); f != None {
		t.Fatal(f)
	}
	if last := e.AppendResponse(nil, &m); !bytes.Contains(last, []byte("\r\nv: SIP/2.0/UDP z\r\n")) {
		t.Errorf("the first of two in a line taken off:\n%s", last)
	}
}

// TestLimits: what costs too much is a fault before it costs.
func TestLimits(t *testing.T) {
	many := []byte("OPTIONS sip:a@b SIP/2.0\r\n" + string(bytes.Repeat([]byte("X: y\r\n"), MaxHeaders+1)) + "\r\n")
	var m Message
	if f := m.Parse(many); f != TooManyHeaders {
		t.Errorf("fault %q", f)
	}
	for text, want := range map[string]Fault{
		"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a": NoHeaderEnd,
		"OPTIONS sip:a@b SIP/2.0":                       NotSIP,
		"OPTIONS sip:a@b SIP/2.0\r\nno colon\r\n\r\n":   BadHeaderLine,
		"OPTIONS sip:a@b SIP/2.0\r\n: no name\r\n\r\n":  BadHeaderLine,
		"OPTIONS sip:a@b SIP/2.0\r\n x: y\r\n\r\n":      BadHeaderLine,
		"OPTIONS a@b SIP/2.0\r\n\r\n":                   BadStartLine,
		"OPTIONS  SIP/2.0\r\n\r\n":                      BadStartLine,
		"":                                              NotSIP,
		"\r\n\r\n":                                      NotSIP,
	} {
		if f := m.Parse([]byte(text)); f != want {
			t.Errorf("%q: fault %q, want %q", text, f, want)
		}
	}
}
