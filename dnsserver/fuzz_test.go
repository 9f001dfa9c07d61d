package dnsserver_test

import (
	"encoding/binary"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver"
)

// FuzzPacket sends any octets to a real socket. What comes back is silence
// where it must be, or a reply in proper form, within the size that was
// allowed; for messages in proper form it is what the reference says.
func FuzzPacket(f *testing.F) {
	for _, tc := range malformedCases() {
		f.Add([]byte(tc.msg))
	}
	for _, tc := range append(answerCases(), negativeCases()...) {
		f.Add(packed(f, question(tc.name, tc.qtype)))
		f.Add(packed(f, withEDNS(question(tc.name, tc.qtype), 1232)))
	}
	z := testZone(7)
	cfg := oneWorker()
	cfg.NSID = "calgary"
	s := start(f, cfg, z)
	ref := newReference(f, z, cfg.NSID)
	over := udpClient(f, s)
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) > 4096 || len(msg) > 1 && binary.BigEndian.Uint16(msg) == 0xA5A5 {
			t.Skip("larger than any question, or has the ID of the sentinel")
		}
		c := *over
		c.tb = t
		if len(msg) < 12 || msg[2]&0x80 != 0 {
			if !c.silent(msg) {
				t.Fatal("answered")
			}
			return
		}
		out := c.raw(msg)
		if problem := replyForm(msg, out); problem != "" {
			t.Fatalf("%s: %x", problem, out)
		}
		checkMeaning(t, ref, msg, out)
	})
}

// checkMeaning compares a reply with what the reference says to the message.
func checkMeaning(t *testing.T, ref *reference, msg, out []byte) {
	got := unpacked(t, out)
	m, proper := strictly(msg)
	switch {
	case !proper:
		// The library may also stumble over a record that is of no concern
		// here, so nothing more can be said than that no size is abused.
		if limit := 1232; len(out) > limit {
			t.Fatalf("%d octets", len(out))
		}
		return
	case m.IsTsig() != nil:
		if got.Rcode != dns.RcodeNotAuth && got.Rcode != dns.RcodeFormatError && m.Opcode == dns.OpcodeQuery && got.Rcode != dns.RcodeBadVers {
			t.Fatalf("signed question: %v", got)
		}
		return
	case m.Opcode == dns.OpcodeQuery && len(m.Answer)+len(m.Ns) > 0 || m.Question[0].Qclass == dns.ClassCHAOS:
		return // odd, and not what the reference is for
	}
	if len(out) > udpLimit(m) {
		t.Fatalf("%d octets, limit %d", len(out), udpLimit(m))
	}
	if err := sameReply(got, ref.answer(m)); err != nil {
		t.Fatal(err)
	}
}

// FuzzStream sends any octets as a TCP stream, and then ends it. As many
// replies come as there were questions before the first message that deserves
// none, each in proper form.
func FuzzStream(f *testing.F) {
	frame := func(msgs ...string) []byte {
		var b []byte
		for _, m := range msgs {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(m))), m...)
		}
		return b
	}
	proper := string(packed(f, question(origin, dns.TypeSOA)))
	f.Add(frame(proper, proper, proper))
	f.Add(frame(proper, "", proper))
	f.Add(frame(proper)[:20])
	f.Add(append(frame(proper), 0))
	for _, tc := range malformedCases() {
		f.Add(frame(proper, tc.msg, proper))
	}
	s := start(f, dnsserver.Config{}, testZone(7))
	f.Fuzz(func(t *testing.T, stream []byte) {
		c := tcpClient(t, s)
		if _, err := c.conn.Write(stream); err != nil {
			t.Fatal(err)
		}
		if c, ok := c.conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite() // fails if the server has closed already
		}
		for len(stream) >= 2 {
			n := int(binary.BigEndian.Uint16(stream))
			if len(stream) < 2+n || n < 12 || stream[4]&0x80 != 0 {
				break
			}
			msg := stream[2 : 2+n]
			out, err := c.read()
			if err != nil {
				return // reset, since octets were left unread
			}
			if problem := replyForm(msg, out); problem != "" {
				t.Fatalf("%s: %x", problem, out)
			}
			stream = stream[2+n:]
		}
		if out, err := c.read(); err == nil {
			t.Fatalf("a reply too many: %x", out)
		}
	})
}
