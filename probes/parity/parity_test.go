package parity

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// answerOf parses a response as it comes over the wire.
func answerOf(t *testing.T, lines ...string) Answer {
	t.Helper()
	msg, err := sip.ParseMessage([]byte("SIP/2.0 " + strings.Join(lines, "\r\n") + "\r\nContent-Length: 0\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return takeApart(msg.(*sip.Response), netip.MustParseAddrPort("192.0.2.1:5060"))
}

func fieldsOf(ds []Difference) (out []string) {
	for _, d := range ds {
		out = append(out, d.Field)
	}
	return out
}

// TestOutageFive: the other platform asked for the same password in another
// way, and nobody knew before phones were there.
func TestOutageFive(t *testing.T) {
	a := answerOf(t, "401 Unauthorized", "Server: K (192.0.2.1)", "Allow: INVITE, BYE", `WWW-Authenticate: Digest realm="west", nonce="1", algorithm=MD5, qop="auth"`)
	b := answerOf(t, "407 Proxy Authentication Required", "Server: K (192.0.2.1)", "Allow: BYE, INVITE", `Proxy-Authenticate: Digest realm="west.example.net", nonce="2", algorithm=SHA-256, qop="auth"`)
	got := Compare(map[string]Answer{"calgary": a, "ottawa": b})
	want := []string{
		"Proxy-Authenticate algorithm", "Proxy-Authenticate qop", "Proxy-Authenticate realm",
		"WWW-Authenticate algorithm", "WWW-Authenticate qop", "WWW-Authenticate realm", "headers", "status",
	}
	if !reflect.DeepEqual(fieldsOf(got), want) {
		t.Errorf("differ in %q, want %q", fieldsOf(got), want)
	}
	if a["Server"] != "K (ADDRESS)" || a["Allow"] != "BYE, INVITE" || a["WWW-Authenticate algorithm"] != "MD5" {
		t.Errorf("%v", a)
	}
}

// TestWhatIsNoDifference: what changes with every answer.
func TestWhatIsNoDifference(t *testing.T) {
	a := answerOf(t, "401 Unauthorized", "Date: today", `WWW-Authenticate: Digest realm="west", nonce="1"`, "To: <sip:a>;tag=1")
	b := answerOf(t, "401 Unauthorized", "Date: tomorrow", `WWW-Authenticate: Digest realm="west", nonce="2", algorithm=MD5`, "To: <sip:a>;tag=2")
	if got := Compare(map[string]Answer{"a": a, "b": b}); len(got) != 0 {
		t.Errorf("differ in %+v", got)
	}
	if got := Compare(map[string]Answer{"a": a}); len(got) != 0 {
		t.Errorf("one place differs from itself: %+v", got)
	}
}

// TestNoAnswerIsOneDifference: what a softswitch that is silent would have said is
// not known, so it is no difference in every field.
func TestNoAnswerIsOneDifference(t *testing.T) {
	a := answerOf(t, "200 OK", "Allow: INVITE", "Server: K")
	b := answerOf(t, "200 OK", "Allow: INVITE", "Server: L")
	silent := Answer{Unanswered: "timeout"}
	if got := fieldsOf(Compare(map[string]Answer{"a": a, "b": a, "c": silent})); !reflect.DeepEqual(got, []string{Unanswered}) {
		t.Errorf("differ in %q", got)
	}
	if got := fieldsOf(Compare(map[string]Answer{"a": a, "b": b, "c": silent})); !reflect.DeepEqual(got, []string{"Server", Unanswered}) {
		t.Errorf("differ in %q", got)
	}
	if got := fieldsOf(Compare(map[string]Answer{"a": a, "c": silent})); !reflect.DeepEqual(got, []string{Unanswered}) {
		t.Errorf("differ in %q", got)
	}
	// What it said before is compared, and that it is silent now is said.
	earlier := answerOf(t, "200 OK", "Allow: INVITE", "Server: L")
	earlier[Unanswered] = "timeout"
	if got := fieldsOf(Compare(map[string]Answer{"a": a, "c": earlier})); !reflect.DeepEqual(got, []string{"Server", Unanswered}) {
		t.Errorf("differ in %q", got)
	}
}
