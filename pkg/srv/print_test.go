package srv

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// A printed zone has the tenants written out, as records or as aliases.
func TestPrint(t *testing.T) {
	z := Zone{
		Origin: "v.example.", Epoch: 7, SOA: SOA{MName: "ns.", RName: "h.", Serial: 7},
		Sets: []RRset{
			{"_sip._udp.west.v.example.", TypeSRV, 30, []Data{SRV{10, 100, 5060, "sip.v.example."}}},
			{"west.v.example.", TypeA, 30, []Data{A{netip.MustParseAddr("192.0.2.1")}}},
			{"west.v.example.", TypeNAPTR, 30, []Data{NAPTR{10, 10, "s", "SIP+D2U", "", "_sip._udp.west.v.example."}}},
		},
	}
	var err error
	if z.Tenants, _, err = z.Tenants.Edit([]fleet.TenantChange{{Domain: "acme.v.example", Service: "west.v.example"}}); err != nil {
		t.Fatal(err)
	}
	const head = "; epoch 7\nv.example. 0 IN SOA ns. h. 7 0 0 0 0\n" +
		"_sip._udp.west.v.example. 30 IN SRV 10 100 5060 sip.v.example.\n" +
		"west.v.example. 30 IN A 192.0.2.1\n" +
		"west.v.example. 30 IN NAPTR 10 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.west.v.example.\n"
	for answers, want := range map[fleet.TenantAnswers]string{
		fleet.TenantsExpand: "_sip._udp.acme.v.example. 30 IN SRV 10 100 5060 sip.v.example.\n" +
			"acme.v.example. 30 IN A 192.0.2.1\n" +
			"acme.v.example. 30 IN NAPTR 10 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.west.v.example.\n",
		fleet.TenantsCNAME: "_sip._udp.acme.v.example. 30 IN CNAME _sip._udp.west.v.example.\n" +
			"acme.v.example. 30 IN CNAME west.v.example.\n",
	} {
		z.TenantAnswers = answers
		var out strings.Builder
		if err := z.Print(&out); err != nil || out.String() != head+want {
			t.Errorf("%s: %v\n%s", answers, err, &out)
		}
	}
}
