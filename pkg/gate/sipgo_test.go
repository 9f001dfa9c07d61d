package gate_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// TestSecondOpinion compares the fast reader with a full parser on messages that
// are valid, over many shapes. It stands here and not in sipwire because sipgo
// belongs to the shells.
func TestSecondOpinion(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	parser := sip.NewParser()
	var m sipwire.Message
	for range 3000 {
		text := validMessage(rng)
		if f := m.Parse([]byte(text)); f != sipwire.None {
			t.Fatalf("fault %q in\n%s", f, text)
		}
		msg, err := parser.ParseSIP([]byte(text))
		if err != nil {
			t.Fatalf("sipgo: %v in\n%s", err, text)
		}
		if got, want := ours(&m), theirs(msg); got != want {
			t.Fatalf("got  %s\nsipgo %s\nin\n%s", got, want, text)
		}
	}
}

func ours(m *sipwire.Message) string {
	v := m.Via()
	return fmt.Sprintf("%d %s %s via %s %s:%d %s from %s to %s id %s seq %d hops %d body %q",
		m.Status(), m.Method(), m.URI(), v.Protocol, v.Host, v.Port, v.Branch, m.From().Tag, m.To().Tag, m.CallID(), m.CSeq(), m.MaxForwards(), m.Body())
}

func theirs(msg sip.Message) string {
	var status int
	var method, uri string
	var via *sip.ViaHeader
	var from *sip.FromHeader
	var to *sip.ToHeader
	var id *sip.CallIDHeader
	var seq *sip.CSeqHeader
	var hops *sip.MaxForwardsHeader
	var body []byte
	switch x := msg.(type) {
	case *sip.Request:
		method, uri = x.Method.String(), x.Recipient.String()
		via, from, to, id, seq, hops, body = x.Via(), x.From(), x.To(), x.CallID(), x.CSeq(), x.MaxForwards(), x.Body()
	case *sip.Response:
		status, method = x.StatusCode, x.CSeq().MethodName.String()
		via, from, to, id, seq, hops, body = x.Via(), x.From(), x.To(), x.CallID(), x.CSeq(), x.MaxForwards(), x.Body()
	}
	left := -1
	if hops != nil {
		left = int(hops.Val())
	}
	tag := func(p sip.HeaderParams) string { v, _ := p.Get("tag"); return v }
	branch, _ := via.Params.Get("branch")
	return fmt.Sprintf("%d %s %s via %s %s:%d %s from %s to %s id %s seq %d hops %d body %q",
		status, method, uri, via.Transport, via.Host, via.Port, branch, tag(from.Params), tag(to.Params), id.Value(), seq.SeqNo, left, body)
}

// validMessage writes a valid message whose parts are drawn from forms that
// phones use.
func validMessage(rng *rand.Rand) string {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	method := pick("REGISTER", "INVITE", "ACK", "BYE", "OPTIONS", "MESSAGE", "SUBSCRIBE")
	body := pick("", "v=0\r\n", "a: b\r\n\r\nc")
	lines := []string{
		pick("Via", "v", "VIA") + ": SIP/2.0/" + pick("UDP", "TCP", "TLS") + " " + pick("192.0.2.1", "a.example.net", "phone") + pick("", ":5060", ":65535") +
			pick("", ";rport") + ";branch=z9hG4bK" + pick("1", "abc.def", "a-b_c") + pick("", ";alias", ";x=y"),
		pick("From", "f") + ": " + pick("", `"Anna" `, "Anna ", `"A, \"B\" <x>" `) + "<sip:anna@example.net>" + pick(";tag=1", ";tag=a-b;x=y"),
		pick("To", "t") + ": " + pick("", `"Bob" `) + pick("<sip:bob@example.net>", "<sip:bob@example.net;user=phone>") + pick("", ";tag=2"),
		pick("Call-ID", "i") + ": " + pick("x", "a1@192.0.2.1", "0_12345@10.0.0.1"),
		fmt.Sprintf("CSeq: %d %s", 1+rng.IntN(1<<30), method),
		pick("Contact", "m") + ": <sip:anna@192.0.2.1:5060>" + pick("", ";expires=60"),
		fmt.Sprintf("%s: %d", pick("Content-Length", "l"), len(body)),
		"X-Other: " + pick("y", "", "a;b,c"),
	}
	if rng.IntN(4) > 0 {
		lines = append(lines, fmt.Sprintf("Max-Forwards: %d", rng.IntN(256)))
	}
	rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	start := method + " " + pick("sip:example.net", "sip:bob@example.net", "sips:bob@example.net:5061") + " SIP/2.0"
	if rng.IntN(3) == 0 {
		start = pick("SIP/2.0 200 OK", "SIP/2.0 404 Not Found", "SIP/2.0 180 Ringing")
	}
	return start + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}
