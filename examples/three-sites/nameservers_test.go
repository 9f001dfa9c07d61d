package threesites_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// question is put to all three servers by both resolvers: six times the same
// answer. The addresses are those of the files; EPOCH stands for the epoch.
type question struct {
	name, ask, want string
}

var questions = []question{
	{"srv udp", "_sip._udp.west.voice.example.net SRV", `NOERROR qr aa over UDP
_sip._udp.west.voice.example.net. 60 IN SRV 10 100 5060 sip.calgary.voice.example.net.
_sip._udp.west.voice.example.net. 60 IN SRV 20 100 5060 sip.vancouver.voice.example.net.
_sip._udp.west.voice.example.net. 60 IN SRV 30 100 5060 sip.ottawa.voice.example.net.
additional sip.calgary.voice.example.net. 60 IN A 127.10.1.2
additional sip.ottawa.voice.example.net. 60 IN A 127.10.2.2
additional sip.vancouver.voice.example.net. 60 IN A 127.10.3.2
`},
	{"srv tcp", "_sip._tcp.east.voice.example.net SRV", `NOERROR qr aa over UDP
_sip._tcp.east.voice.example.net. 60 IN SRV 10 100 5060 sip.ottawa.voice.example.net.
_sip._tcp.east.voice.example.net. 60 IN SRV 20 100 5060 sip.calgary.voice.example.net.
_sip._tcp.east.voice.example.net. 60 IN SRV 30 100 5060 sip.vancouver.voice.example.net.
additional sip.calgary.voice.example.net. 60 IN A 127.10.1.2
additional sip.ottawa.voice.example.net. 60 IN A 127.10.2.2
additional sip.vancouver.voice.example.net. 60 IN A 127.10.3.2
`},
	{"srv tls", "_sips._tcp.west.voice.example.net SRV", `NOERROR qr aa over UDP
_sips._tcp.west.voice.example.net. 60 IN SRV 10 100 5061 sip.calgary.voice.example.net.
_sips._tcp.west.voice.example.net. 60 IN SRV 20 100 5061 sip.vancouver.voice.example.net.
_sips._tcp.west.voice.example.net. 60 IN SRV 30 100 5061 sip.ottawa.voice.example.net.
additional sip.calgary.voice.example.net. 60 IN A 127.10.1.2
additional sip.ottawa.voice.example.net. 60 IN A 127.10.2.2
additional sip.vancouver.voice.example.net. 60 IN A 127.10.3.2
`},
	{"naptr", "west.voice.example.net NAPTR", `NOERROR qr aa over UDP
west.voice.example.net. 60 IN NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.west.voice.example.net.
west.voice.example.net. 60 IN NAPTR 20 10 "s" "SIP+D2T" "" _sip._tcp.west.voice.example.net.
west.voice.example.net. 60 IN NAPTR 30 10 "s" "SIP+D2U" "" _sip._udp.west.voice.example.net.
`},
	{"address of a service", "west.voice.example.net A", `NOERROR qr aa over UDP
west.voice.example.net. 60 IN A 127.10.1.2
`},
	{"address of a site", "sip.vancouver.voice.example.net A", `NOERROR qr aa over UDP
sip.vancouver.voice.example.net. 60 IN A 127.10.3.2
`},
	{"no such type", "west.voice.example.net AAAA", `NOERROR qr aa over UDP
authority voice.example.net. 5 IN SOA ns1.voice.example.net. hostmaster.example.net. EPOCH 60 15 1209600 5
`},
	{"a name between names", "calgary.voice.example.net A", `NOERROR qr aa over UDP
authority voice.example.net. 5 IN SOA ns1.voice.example.net. hostmaster.example.net. EPOCH 60 15 1209600 5
`},
	{"no such name", "_sip._udp.north.voice.example.net SRV", `NXDOMAIN qr aa over UDP
authority voice.example.net. 5 IN SOA ns1.voice.example.net. hostmaster.example.net. EPOCH 60 15 1209600 5
`},
	{"soa", "voice.example.net SOA", `NOERROR qr aa over UDP
voice.example.net. 5 IN SOA ns1.voice.example.net. hostmaster.example.net. EPOCH 60 15 1209600 5
`},
	{"ns", "voice.example.net NS", `NOERROR qr aa over UDP
voice.example.net. 3600 IN NS ns1.voice.example.net.
voice.example.net. 3600 IN NS ns2.voice.example.net.
voice.example.net. 3600 IN NS ns3.voice.example.net.
additional ns1.voice.example.net. 3600 IN A 127.10.1.1
additional ns2.voice.example.net. 3600 IN A 127.10.2.1
additional ns3.voice.example.net. 3600 IN A 127.10.3.1
`},
	{"above the zone", "example.net SOA", "REFUSED qr over UDP\n"},
	{"outside the zone", "www.example.org A", "REFUSED qr over UDP\n"},
	{"another class", "voice.example.net SOA CH", "REFUSED qr over UDP\n"},
	{"tcp", "west.voice.example.net A +tcp", `NOERROR qr aa over TCP
west.voice.example.net. 60 IN A 127.10.1.2
`},
	{"case is kept", "wEsT.vOiCe.example.NET A", `NOERROR qr aa over UDP
wEsT.vOiCe.example.NET. 60 IN A 127.10.1.2
`},
	{"edns", "west.voice.example.net A +edns +bufsize=4096", `NOERROR qr aa over UDP edns 0 1232
west.voice.example.net. 60 IN A 127.10.1.2
`},
	{"edns of the future", "west.voice.example.net A +edns=1", "BADVERS qr over UDP edns 0 1232\n"},
}

// testNameServers asks all three servers with two resolvers that share no code
// with each other nor with us.
func (f *fleet) testNameServers(t *testing.T) {
	tools := resolvers(t)
	epoch := f.status().Epoch
	for _, q := range questions {
		t.Run(q.name, func(t *testing.T) {
			want := strings.ReplaceAll(f.local(q.want), "EPOCH", strconv.FormatUint(epoch, 10))
			f.sameEverywhere(t, tools, q.ask, func(string) string { return want })
		})
	}
	t.Run("which server", func(t *testing.T) {
		f.sameEverywhere(t, tools, "sip.calgary.voice.example.net A +edns +nsid", func(site string) string {
			return f.local("NOERROR qr aa over UDP edns 0 1232 nsid " + site + "\nsip.calgary.voice.example.net. 60 IN A 127.10.1.2\n")
		})
	})
	if now := f.status().Epoch; now != epoch {
		t.Errorf("the epoch went from %d to %d meanwhile", epoch, now)
	}
}

// sameEverywhere asks all servers with all tools. A question without EDNS
// options is asked without EDNS.
func (f *fleet) sameEverywhere(t *testing.T, tools map[string]resolver, ask string, want func(site string) string) {
	t.Helper()
	words := strings.Fields(ask)
	if !strings.Contains(ask, "edns") {
		words = append(words, "+noedns")
	}
	for _, site := range sites {
		for name, tool := range tools {
			got, err := tool.ask(t, f.server(site), words...)
			if err != nil {
				t.Errorf("%s at %s: %v", name, site, err)
			} else if w := want(site); got.String() != w {
				t.Errorf("%s at %s: %s\ngot  %s\nwant %s", name, site, ask, got, w)
			}
		}
	}
}

// testLargerFleet gives Ottawa so many addresses, by plan and apply, that they
// no longer fit into a datagram: over UDP the answer says so (RFC 2181 §9), over
// TCP it is whole, and both resolvers find their way.
func (f *fleet) testLargerFleet(t *testing.T) {
	tools := resolvers(t)
	var addresses, records []string
	for i := range 100 {
		a := fmt.Sprintf("127.10.2.%d", 100+i)
		if i == 99 {
			a = "127.10.2.2" // the one that is there
		}
		addresses = append(addresses, a)
		records = append(records, "sip.ottawa.voice.example.net. 60 IN A "+a+"\n")
	}
	larger := filepath.Join(f.dir, "larger.yaml")
	text, err := os.ReadFile(filepath.Join(f.dir, "fleet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	old, added := f.local("addresses: [127.10.2.2]"), f.local("addresses: ["+strings.Join(addresses, ", ")+"]")
	if err := os.WriteFile(larger, []byte(strings.Replace(string(text), old, added, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	f.must("plan", "fleet", larger, "--reason", "more gates", "--out", larger+".plan")
	f.must("apply", larger+".plan", "--yes")

	whole := f.local(strings.Join(records, ""))
	const host = "sip.ottawa.voice.example.net A "
	f.sameEverywhere(t, tools, host+"+ignore", func(string) string { return "NOERROR qr aa tc over UDP\n" })
	f.sameEverywhere(t, tools, host+"+edns +bufsize=4096 +ignore", func(string) string { return "NOERROR qr aa tc over UDP edns 0 1232\n" })
	f.sameEverywhere(t, tools, host+"+tcp", func(string) string { return "NOERROR qr aa over TCP\n" + whole })
	f.sameEverywhere(t, tools, host, func(string) string { return "NOERROR qr aa over TCP\n" + whole })
}
