package gate

import (
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// maxGrowth is by how much an answer may be longer than its request, in octets:
// the To tag, received and rport, Retry-After, Reason and Warning. It bounds
// what a forged source address can be made to receive.
const maxGrowth = 300

// FuzzDatagram: whatever comes in a packet, at most one packet leaves, no ACK
// and no response is answered, nothing is passed on that cannot be read, and
// no answer is much longer than what asked for it.
func FuzzDatagram(f *testing.F) {
	for _, text := range fuzzSeeds() {
		for mode := range uint8(4) {
			f.Add([]byte(text), mode)
		}
	}
	f.Fuzz(func(t *testing.T, packet []byte, mode uint8) {
		h := newHot(Mode(mode % 4 % 3))
		if mode%4 == 3 { // open, but for a part
			p := h.rs.policy
			p.Services = []fleet.ServiceID{"west.voice.example.net"}
			p.Parts = map[fleet.Transport][]Part{fleet.UDP: {{Service: p.Services[0], Cohort: fleet.Everyone(), Mode: Draining}}}
			h.rs = compile(p, "calgary")
		}
		out, to := h.w.datagram(h.rs, h.l, packet, h.src, nil)
		if len(out) == 0 {
			return
		}
		var in, got sipwire.Message
		fault := in.Parse(packet)
		sent := got.Parse(out)
		if got.IsRequest() {
			if fault != sipwire.None || sent != sipwire.None || !in.IsRequest() {
				t.Fatalf("%q passed on as %q: %q, %q", packet, out, fault, sent)
			}
			return
		}
		switch {
		case !in.IsRequest():
			t.Fatalf("%q is no request of anyone's and was answered or passed on to %v: %q", packet, to, out)
		case in.Is("ACK"):
			t.Fatalf("an ACK was answered: %q", out)
		case to.Addr() != h.src.Addr():
			t.Fatalf("the answer goes to %v, not to %v", to, h.src)
		case len(out) > len(packet)+maxGrowth:
			t.Fatalf("%d octets for %d: %q", len(out), len(packet), out)
		case fault == sipwire.None && sent != sipwire.None:
			t.Fatalf("the answer has fault %q: %q", sent, out)
		}
	})
}

func fuzzSeeds() []string {
	invite := strings.ReplaceAll(registerText, "REGISTER", "INVITE")
	return []string{
		registerText, invite, "\r\n\r\n", "\x00", "GET / HTTP/1.1\r\n\r\n",
		strings.ReplaceAll(registerText, "REGISTER", "ACK"),
		strings.Replace(strings.ReplaceAll(registerText, "REGISTER", "CANCEL"), "rport", "rport=1;received=192.0.2.9", 1),
		strings.Replace(invite, "sip:west.voice.example.net SIP", "urn:service:sos SIP", 1),
		strings.Replace(registerText, "Expires: 3600", "Expires: 0", 1),
		"SIP/2.0 200 OK\r\n" + registerText[strings.Index(registerText, "Via"):],
		"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP 192.0.2.1:5060;branch=" + branchMark + strings.Repeat("p", branchLen-len(branchMark)) + "\r\n" + registerText[strings.Index(registerText, "Via"):],
	}
}
