package srv

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// What is steered goes first: sets that would hide or change it are left out,
// with a reason, and the zone stays servable.
func TestAddBeside(t *testing.T) {
	addr := []Data{A{Addr: netip.MustParseAddr("192.0.2.1")}}
	set := func(name string, t Type, data ...Data) RRset {
		return RRset{Name: name, Type: t, TTL: 60, Data: data}
	}
	z := Zone{
		Origin: "v.example.", Epoch: 7, SOA: SOA{Serial: 7}, Steered: []Key{{"_sip._udp.west.v.example.", TypeSRV}},
		Sets: []RRset{
			set("v.example.", TypeNS, NS{"ns.elsewhere.example."}), set("sip.calgary.v.example.", TypeA, addr...),
			set("_sip._udp.west.v.example.", TypeSRV, SRV{Target: "sip.calgary.v.example."}), set("west.v.example.", TypeA, addr...),
		},
	}
	z.Sort()
	var err error
	if z.Tenants, _, err = z.Tenants.Edit([]fleet.TenantChange{{Domain: "acme.v.example", Service: "west.v.example"}}); err != nil {
		t.Fatal(err)
	}
	mail := Other{RRType: 15, Text: "10 mail.v.example."}
	o := Zone{Origin: "v.example.", Sets: []RRset{
		set("v.example.", 15, mail), set("mail.v.example.", TypeA, addr...), set("*.v.example.", TypeA, addr...), set("sub.v.example.", TypeNS, NS{"ns.elsewhere.example."}),
		set("v.example.", TypeNS, NS{"x.example."}), set("west.v.example.", TypeTXT, TXT{[]string{"x"}}), set("_sip._udp.west.v.example.", TypeA, addr...),
		set("calgary.v.example.", TypeNS, NS{"x.example."}), set("_x.west.v.example.", TypeA, addr...), set("acme.v.example.", TypeA, addr...), set("www.acme.v.example.", TypeA, addr...),
	}}
	before := len(z.Sets)
	left := z.AddBeside(&o)
	if err := z.Check(); err != nil {
		t.Error(err)
	}
	if len(z.Sets) != before+4 || len(left) != 7 {
		t.Errorf("%d sets added, left out:\n%s", len(z.Sets)-before, strings.Join(left, "\n"))
	}
	for _, name := range []string{"v.example. NS", "west.v.example. TXT", "calgary.v.example. NS", "_x.west.v.example. A", "acme.v.example. A", "www.acme.v.example. A"} {
		if !slices.ContainsFunc(left, func(s string) bool { return strings.HasPrefix(s, name+":") }) {
			t.Errorf("%s is not left out", name)
		}
	}
}
