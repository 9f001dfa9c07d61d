package uac

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

const twoAnswers = "\r\n\r\nSIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n" +
	"To: <sip:b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContact: not a contact, at \"all\r\nContent-Length: 4\r\n\r\nbodySIP/2.0 100 Trying\r\nContent-Length: 0\r\n\r\n"

func testParser() *sip.Parser { return newParser() }

// However the octets are cut, the same two messages come out.
func TestTakeMessageAtEveryCut(t *testing.T) {
	octets := strings.Replace(twoAnswers, "Contact: not a contact, at \"all\r\n", "", 1)
	for cut := range len(octets) + 1 {
		p := testParser()
		var got []string
		var kept []byte
		for _, part := range []string{octets[:cut], octets[cut:]} {
			kept = append(kept, part...)
			for {
				msg, rest, err := takeMessage(p, kept)
				kept = rest
				if errors.Is(err, errMore) {
					break
				}
				if err != nil {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				got = append(got, msg.(*sip.Response).Reason+string(msg.Body()))
			}
		}
		if strings.Join(got, "|") != "OKbody|Trying" {
			t.Fatalf("cut at %d: got %q", cut, got)
		}
	}
}

func TestTakeMessageRefuses(t *testing.T) {
	for name, octets := range map[string]string{
		"no length":         "SIP/2.0 200 OK\r\nCall-ID: x\r\n\r\n",
		"a length too long": "SIP/2.0 200 OK\r\nContent-Length: 99999999\r\n\r\n",
		"no SIP":            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"an endless header": "SIP/2.0 200 OK\r\nX: " + strings.Repeat("x", maxMessage),
	} {
		if _, _, err := takeMessage(testParser(), []byte(octets)); err == nil || errors.Is(err, errMore) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Whatever a softswitch sends, nothing panics, and only what carries all of the
// request's marks is taken for its answer.
func FuzzAnswer(f *testing.F) {
	req := New(Dialogless{
		Method: sip.OPTIONS, Transport: fleet.UDP, Local: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5060},
		Recipient: sip.Uri{Scheme: "sip", Host: "127.0.0.1"}, From: sip.Uri{Scheme: "sip", User: "a", Host: "b"}, To: sip.Uri{Scheme: "sip", Host: "b"},
		UserAgent: "test",
	})
	good := sip.NewResponseFromRequest(req, 200, "OK", nil).String()
	f.Add([]byte(good))
	f.Add([]byte(twoAnswers))
	f.Add([]byte("\r\n\r\n"))
	f.Add([]byte(req.String()))
	p := testParser()
	branch, _ := req.Via().Params.Get("branch")
	f.Fuzz(func(t *testing.T, octets []byte) {
		if msg, err := p.ParseSIP(octets); err == nil && matches(req, msg) == nil && !strings.Contains(string(octets), branch) {
			t.Error("an answer without our branch was taken")
		}
		for {
			msg, rest, err := takeMessage(p, octets)
			if err != nil {
				return
			}
			if len(rest) >= len(octets) {
				t.Fatal("no progress")
			}
			_ = matches(req, msg)
			octets = rest
		}
	})
}

func TestTheGoodAnswerMatches(t *testing.T) {
	req := New(Dialogless{
		Method: sip.OPTIONS, Transport: fleet.TCP, Local: &net.TCPAddr{IP: net.ParseIP("::1"), Port: 5060},
		Recipient: sip.Uri{Scheme: "sip", Host: "::1"}, From: sip.Uri{Scheme: "sip", User: "a", Host: "b"}, To: sip.Uri{Scheme: "sip", Host: "b"},
		UserAgent: "test",
	})
	if !strings.Contains(req.String(), "Via: SIP/2.0/TCP [::1]:5060;branch=") {
		t.Errorf("IPv6 in Via:\n%s", req)
	}
	msg, err := testParser().ParseSIP([]byte(sip.NewResponseFromRequest(req, 200, "OK", nil).String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := matches(req, msg); err != nil {
		t.Error(err)
	}
}
