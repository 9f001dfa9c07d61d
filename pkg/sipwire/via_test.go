package sipwire

import (
	"net/netip"
	"testing"
)

// TestStamp: received and rport say what was seen, whatever the sender wrote
// (RFC 3261 §18.2.1, RFC 3581 §4).
func TestStamp(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("192.0.2.1:4000"), netip.MustParseAddrPort("[2001:db8::7]:4000")
	mapped := netip.MustParseAddrPort("[::ffff:192.0.2.1]:4000")
	for _, c := range []struct {
		via  string
		src  netip.AddrPort
		want string
	}{
		{"SIP/2.0/UDP 192.0.2.1;branch=z9", v4, "SIP/2.0/UDP 192.0.2.1;branch=z9"},
		{"SIP/2.0/UDP 192.0.2.1;branch=z9", mapped, "SIP/2.0/UDP 192.0.2.1;branch=z9"},
		{"SIP/2.0/UDP 192.0.2.9:5062;branch=z9", v4, "SIP/2.0/UDP 192.0.2.9:5062;branch=z9;received=192.0.2.1"},
		{"SIP/2.0/UDP a.example.net", v4, "SIP/2.0/UDP a.example.net;received=192.0.2.1"},
		{"SIP/2.0/UDP bad.cafe", v4, "SIP/2.0/UDP bad.cafe;received=192.0.2.1"},
		{"SIP/2.0/UDP 192.0.2.1;rport;branch=z9", v4, "SIP/2.0/UDP 192.0.2.1;branch=z9;received=192.0.2.1;rport=4000"},
		{"SIP/2.0/UDP 192.0.2.1;rport=9", v4, "SIP/2.0/UDP 192.0.2.1;received=192.0.2.1;rport=4000"},
		{"SIP/2.0/UDP 192.0.2.9 ; received=203.0.113.5 ; branch=z9", v4, "SIP/2.0/UDP 192.0.2.9 ; branch=z9;received=192.0.2.1"},
		{"SIP/2.0/UDP 192.0.2.1;maddr=203.0.113.5", v4, "SIP/2.0/UDP 192.0.2.1;maddr=203.0.113.5;received=192.0.2.1"},
		{"SIP/2.0/UDP [2001:db8::7]:5060;branch=z9", v6, "SIP/2.0/UDP [2001:db8::7]:5060;branch=z9"},
		{"SIP/2.0/UDP [2001:DB8:0::7];rport", v6, "SIP/2.0/UDP [2001:DB8:0::7];received=2001:db8::7;rport=4000"},
		{"SIP/2.0/UDP [2001:db8::8]", v6, "SIP/2.0/UDP [2001:db8::8];received=2001:db8::7"},
	} {
		v, next, ok := readVia([]byte(c.via), 0)
		if !ok || next != len(c.via) {
			t.Errorf("%s: cannot be read", c.via)
			continue
		}
		if got := string(v.appendStamped(nil, c.src)); got != c.want {
			t.Errorf("%s from %s:\n got %s\nwant %s", c.via, c.src, got, c.want)
		}
	}
}

// TestViaAddr: where a response goes (RFC 3261 §18.2.2); RFC 5118 §4.5 has
// received with and without brackets.
func TestViaAddr(t *testing.T) {
	for via, want := range map[string]string{
		"SIP/2.0/UDP 192.0.2.1":                                      "192.0.2.1:0",
		"SIP/2.0/UDP 192.0.2.1:5062":                                 "192.0.2.1:5062",
		"SIP/2.0/UDP a.example.net:5062;received=192.0.2.1":          "192.0.2.1:5062",
		"SIP/2.0/UDP a.example.net;rport=4000;received=192.0.2.1":    "192.0.2.1:4000",
		"SIP/2.0/UDP 192.0.2.1;maddr=203.0.113.5":                    "192.0.2.1:0",
		"SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255]":     "[2001:db8::9:255]:0",
		"SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255":       "[2001:db8::9:255]:0",
		"SIP/2.0/UDP [2001:db8::9:1]:5061;branch=z9hG4bK":            "[2001:db8::9:1]:5061",
		"SIP/2.0/UDP a.example.net":                                  "",
		"SIP/2.0/UDP 192.0.2.1;received=nowhere.example.net;rport=1": "",
	} {
		v, _, ok := readVia([]byte(via), 0)
		if !ok {
			t.Errorf("%s: cannot be read", via)
			continue
		}
		got := ""
		if a, ok := v.Addr(); ok {
			got = a.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", via, got, want)
		}
	}
}

func TestBadVia(t *testing.T) {
	for _, via := range []string{
		"", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDPhost", "SIP/2.0/UDP a;", "SIP/2.0/UDP a;=b", "SIP/2.0/UDP a;x=", "SIP/2.0/UDP a b",
		"SIP/2.0/UDP a:b", "SIP/2.0/UDP a:", "SIP/2.0/UDP a:70000", "SIP/2.0/UDP [2001:db8::1", `SIP/2.0/UDP a;x="b`,
		"SIP/2.0/UDP a;received=192.0.2.1;received=192.0.2.2", "SIP/2.0/UDP a;rport;rport", "SIP/2.0/UDP a;rport=1;RPORT=2",
	} {
		if v, next, ok := readVia([]byte(via), 0); ok && next == len(via) {
			t.Errorf("%q was read as %q", via, v.text)
		}
	}
}
