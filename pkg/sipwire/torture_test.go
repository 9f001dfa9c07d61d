package sipwire

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

var source = netip.MustParseAddrPort("198.51.100.7:40000")

func crlf(s string) []byte {
	return []byte(strings.ReplaceAll(s, "\n", "\r\n"))
}

// allTorture are the 49 messages of RFC 4475 and the 11 of RFC 5118.
func allTorture() []torture {
	return slices.Concat(validTorture, invalidTorture, semanticTorture, ipv6Torture)
}

// TestTortureComplete: no message of the two RFCs is left out.
func TestTortureComplete(t *testing.T) {
	if n := len(validTorture) + len(invalidTorture) + len(semanticTorture); n != 49 {
		t.Errorf("%d messages of RFC 4475, it has 49", n)
	}
	if n := len(ipv6Torture); n != 11 {
		t.Errorf("%d messages of RFC 5118, it has 11", n)
	}
	seen := map[string]bool{}
	for _, c := range allTorture() {
		if seen[c.name] {
			t.Errorf("%s stands there twice", c.name)
		}
		seen[c.name] = true
	}
}

// TestTorture holds the treatment of each torture message: its fault, whether
// it may be answered, and that an answer is a message without fault that has
// the request's own Via, From, To, Call-ID and CSeq.
func TestTorture(t *testing.T) {
	for _, c := range allTorture() {
		t.Run(c.name, func(t *testing.T) {
			var m Message
			if got := m.Parse(crlf(c.text)); got != c.want {
				t.Errorf("§%s: fault %q, want %q", c.section, got, c.want)
			}
			if m.Answerable() == c.silent {
				t.Fatalf("§%s: answerable is %v", c.section, !c.silent)
			}
			if c.silent {
				return
			}
			reply := m.AppendReply(nil, Reply{Status: 503, Reason: "Service Unavailable", Tag: []byte("t1"), Source: source})
			var r Message
			if f := r.Parse(reply); f != None && c.want == None {
				t.Fatalf("the answer has fault %q:\n%s", f, reply)
			}
			if !bytes.Equal(r.CallID(), m.CallID()) || r.CSeq() != m.CSeq() || !bytes.Equal(r.From().Tag, m.From().Tag) {
				t.Errorf("the answer does not match:\n%s", reply)
			}
			if r.Status() != 503 || !bytes.Equal(r.Via().Branch, m.Via().Branch) {
				t.Errorf("status %d, branch %q", r.Status(), r.Via().Branch)
			}
		})
	}
}

// TestWsinv looks into the message that has all of RFC 3261's white space.
func TestWsinv(t *testing.T) {
	var m Message
	if f := m.Parse(crlf(validTorture[0].text)); f != None {
		t.Fatal(f)
	}
	for _, c := range []struct{ what, got, want string }{
		{"method", string(m.Method()), "INVITE"},
		{"To tag", string(m.To().Tag), "1918181833n"},
		{"From tag", string(m.From().Tag), "98asjd8"},
		{"From URI", string(m.From().URI), "sip:jdrosen@example.com"},
		{"Via host", string(m.Via().Host), "192.0.2.2"},
		{"branch", string(m.Via().Branch), "390skdjuw"},
		{"route", string(m.Route(0)), "sip:services.example.com;lr;unknownwith=value;unknown-no-value"},
		{"call", string(m.CallID()), "wsinv.ndaksdj@192.0.2.1"},
	} {
		if c.got != c.want {
			t.Errorf("%s %q, want %q", c.what, c.got, c.want)
		}
	}
	if m.MaxForwards() != 68 || m.CSeq() != 9 || len(m.Body()) != 150 {
		t.Errorf("Max-Forwards %d, CSeq %d, body %d", m.MaxForwards(), m.CSeq(), len(m.Body()))
	}
	var branches []string
	for vias := m.Vias(); ; {
		v, ok := vias.Next()
		if !ok {
			break
		}
		branches = append(branches, string(v.Branch))
	}
	if got := strings.Join(branches, " "); got != "390skdjuw z9hG4bK9ikj8 z9hG4bK30239" {
		t.Errorf("branches %s", got)
	}
}
