package gate

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func v4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

// TestTalkersUnderForgedSources: a million forged addresses do not hide one that
// sends much, and nobody is said to have sent more than he did.
func TestTalkersUnderForgedSources(t *testing.T) {
	talk := newTalkers()
	talk.roll(noon, 0)
	loud := netip.MustParseAddr("203.0.113.7")
	const forged, sent = 1_000_000, 10_000
	for i := range uint32(forged) {
		talk.add(v4(0x0a000000 + i))
		if i%(forged/sent) == 0 {
			talk.add(loud)
		}
	}
	talk.roll(noon.Add(talkerWindow-time.Millisecond), 0)
	if got, _ := talk.last(nil); got != nil {
		t.Fatalf("before the window is over: %+v", got)
	}
	talk.roll(noon.Add(talkerWindow), 0)
	got, _ := talk.last(nil)
	if len(got) == 0 || len(got) > talkerSets*talkerWays || got[0].Prefix != netip.MustParsePrefix("203.0.113.7/32") {
		t.Fatalf("%d sources, the first %+v", len(got), got[:min(len(got), 3)])
	}
	if n := got[0].PerSecond * talkerWindow.Seconds(); n > sent || n < sent*9/10 {
		t.Errorf("%.0f of %d counted", n, sent)
	}
	for _, r := range got[1:] {
		if r.PerSecond*talkerWindow.Seconds() > 1.001 {
			t.Fatalf("%s sent one request: %+v", r.Prefix, r)
		}
	}
	talk.roll(noon.Add(2*talkerWindow), 0)
	if got, at := talk.last(nil); !at.Equal(noon.Add(2*talkerWindow)) || len(got) != 0 {
		t.Errorf("in a quiet window: %+v", got)
	}
}

// TestTalkersAreSources: a network of IPv6 is one, IPv4 within IPv6 is IPv4, and
// those that are exempt are left out.
func TestTalkersAreSources(t *testing.T) {
	talk := newTalkers()
	talk.roll(noon, 0)
	for range 20 {
		for _, a := range []string{"2001:db8::1", "2001:db8::ffff:2", "::ffff:192.0.2.1", "192.0.2.1", "198.51.100.9"} {
			talk.add(netip.MustParseAddr(a))
		}
	}
	talk.roll(noon.Add(talkerWindow), 0)
	got, _ := talk.last([]netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")})
	if len(got) != 2 || got[0] != (SourceRate{netip.MustParsePrefix("192.0.2.1/32"), 4}) || got[1] != (SourceRate{netip.MustParsePrefix("2001:db8::/64"), 4}) {
		t.Errorf("%+v", got)
	}
}

// TestTalkersHear: new work and what cannot be read count; calls that are up and
// those for help do not.
func TestTalkersHear(t *testing.T) {
	h := newHot(Open)
	h.w.talkers.roll(noon, 0)
	for text, times := range map[string]int{
		registerText: 3, "REGISTER sip:x SIP/2.0\r\nCSeq: x\r\n\r\n": 2, inDialog: 50, sos: 70,
	} {
		for range times {
			h.do([]byte(text))
		}
	}
	h.w.talkers.roll(noon.Add(talkerWindow), 0)
	if got, _ := h.w.talkers.last(nil); len(got) != 1 || got[0].PerSecond != 0.5 {
		t.Errorf("%+v", got)
	}
}

// BenchmarkTalkers is what counting a source costs a packet: one that is known,
// and a stranger each time.
func BenchmarkTalkers(b *testing.B) {
	for name, mask := range map[string]uint32{"known": 0xff, "strangers": 0xffffffff} {
		b.Run(name, func(b *testing.B) {
			talk := newTalkers()
			for i := range uint32(b.N) {
				talk.add(v4(i & mask))
			}
		})
	}
}

var (
	inDialog = strings.Replace(strings.ReplaceAll(registerText, "REGISTER", "INVITE"), "net>\r\nCall", "net>;tag=b\r\nCall", 1)
	sos      = strings.Replace(strings.ReplaceAll(registerText, "REGISTER", "INVITE"), "INVITE sip:west.voice.example.net", "INVITE sip:911@west.voice.example.net", 1)
)

// TestTalkersCountOverTheWindowOfThePolicy: a shorter one ends sooner, and what is
// said is a rate all the same.
func TestTalkersCountOverTheWindowOfThePolicy(t *testing.T) {
	talk := newTalkers()
	talk.roll(noon, 2*time.Second)
	for range 600 {
		talk.add(netip.MustParseAddr("203.0.113.7"))
	}
	talk.roll(noon.Add(time.Second), 2*time.Second)
	if got, _ := talk.last(nil); len(got) != 0 {
		t.Fatalf("before the window is over: %+v", got)
	}
	talk.roll(noon.Add(3*time.Second), 2*time.Second)
	if got, _ := talk.last(nil); len(got) != 1 || got[0].PerSecond != 200 {
		t.Errorf("600 in 3 s: %+v", got)
	}
}
