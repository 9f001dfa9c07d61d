package parity

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
)

// platform answers calls to the numbers that it understands.
type platform struct {
	prefix string // of numbers that it takes
	sdp    string
	extra  string // header lines

	mu   sync.Mutex
	seen []string
}

func (p *platform) handle(req string) []byte {
	method, rest, _ := strings.Cut(req, " ")
	p.mu.Lock()
	p.seen = append(p.seen, method)
	p.mu.Unlock()
	switch {
	case method == "ACK":
		return nil
	case method == "INVITE" && !strings.HasPrefix(rest, "sip:"+p.prefix):
		return wiretest.Answer(req, "404 Not Found", "")
	case method == "INVITE":
		head, _, _ := strings.Cut(string(wiretest.Answer(req, "200 OK", p.extra)), "Content-Length")
		return fmt.Appendf(nil, "%sContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", head, len(p.sdp), p.sdp)
	}
	return wiretest.Answer(req, "200 OK", "")
}

// TestTheOtherPlatformTreatsNumbersDifferently: after a move, numbers were not
// found and codecs had changed; here it is known before.
func TestTheOtherPlatformTreatsNumbersDifferently(t *testing.T) {
	const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP %s\r\na=ptime:20\r\na=sendrecv\r\n"
	one := &platform{prefix: "+1", sdp: fmt.Sprintf(sdp, "9 0"), extra: "P-Asserted-Identity: <sip:+14035550100@west.voice.example.net>\r\n"}
	other := &platform{prefix: "1", sdp: fmt.Sprintf(sdp, "0"), extra: "P-Asserted-Identity: \"c\" <sip:14035550100@west.voice.example.net;user=phone>\r\n"}
	answers := map[string]Answer{}
	for name, p := range map[string]*platform{"calgary": one, "ottawa": other} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		a, asked := Ask(ctx, probes.Spec{
			Check:   health.Check{Target: health.Target{Site: fleet.SiteID(name), Switch: "1", Transport: fleet.UDP}, Kind: health.Options},
			Address: listen(t, p), ServerName: "west.voice.example.net", Login: probes.Login{User: "canary", Password: "right"},
			Question: probes.Question{Call: probes.Call{To: "+14035550199"}},
		}, Call)
		if !asked {
			t.Fatal("not asked")
		}
		answers[name] = a
	}
	for field, want := range map[string]string{
		"status": "200 OK", "codecs": "G722/8000, PCMU/8000", "ptime": "20", "direction": "sendrecv", "media protocol": "RTP/AVP",
		"P-Asserted-Identity form": "+E.164", "as +E.164": "200 OK", "as digits": "the call was refused: 404 Not Found",
	} {
		if answers["calgary"][field] != want {
			t.Errorf("calgary: %s is %q, want %q", field, answers["calgary"][field], want)
		}
	}
	differ := fieldsOf(Compare(answers))
	for _, field := range []string{"status", "as +E.164", "as digits"} {
		if !strings.Contains(strings.Join(differ, "|"), field) {
			t.Errorf("differ in %q, without %s", differ, field)
		}
	}
	for name, p := range map[string]*platform{"calgary": one, "ottawa": other} {
		p.mu.Lock()
		all := strings.Join(p.seen, " ")
		p.mu.Unlock()
		if strings.Count(all, "BYE") != strings.Count(all, "INVITE")-refused(answers[name]) {
			t.Errorf("%s: a call was not ended: %s", name, all)
		}
	}
	if _, asked := Ask(t.Context(), probes.Spec{Login: probes.Login{User: "a", Password: "b"}}, Call); asked {
		t.Error("a call without a number")
	}
}

func listen(t *testing.T, p *platform) netip.AddrPort { return wiretest.UDP(t, p.handle) }

// refused counts the calls that were.
func refused(a Answer) int {
	n := 0
	for _, f := range []string{"status", "as +E.164", "as digits", "as 00 before"} {
		if strings.Contains(a[f], "refused") {
			n++
		}
	}
	return n
}

func TestFormsOfNumbers(t *testing.T) {
	for value, want := range map[string]string{
		"<sip:+14035550100@a>": "+E.164", "<sip:14035550100@a>;party=calling": "digits", "<tel:+14035550100>": "+E.164",
		"<sip:alice@a>": "a name", "<sip:a.example.net>": "no number", "nobody": "no sip or tel URI", "<sip:>": "no number",
	} {
		if got := formOf(value); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
	for to, want := range map[string]int{"9196": 0, "+14035550100": 3, "14035550100@a": 3, "echo": 0} {
		if got := forms(to); len(got) != want {
			t.Errorf("%s: %v", to, got)
		}
	}
}
