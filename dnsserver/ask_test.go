package dnsserver

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// What a zone would answer is what a server with it answers, also when that
// does not fit over UDP, and for tenants.
func TestAsk(t *testing.T) {
	z := zoneOf(t, 7, labRecords+manyTargets())
	z.Tenants = tenantTable(t, map[fleet.TenantID]fleet.ServiceID{"acme.voice.example.net": west})
	s := start(t, Config{}, z)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, q := range [][2]string{
		{"_sip._udp.acme.voice.example.net", "SRV"},
		{"_sip._tcp.big.voice.example.net.", "srv"},
		{origin, "SOA"},
		{"nobody.voice.example.net", "A"},
		{"www.example.org", "A"},
	} {
		there, err := Ask(ctx, s.Addrs()[0], q[0], q[1], false)
		if err != nil {
			t.Fatal(err)
		}
		here, err := AskZone(z, q[0], q[1])
		if err != nil {
			t.Fatal(err)
		}
		if here.RCode != there.RCode || here.Serial != there.Serial || !slices.Equal(here.Answer, there.Answer) || !slices.Equal(here.Authority, there.Authority) ||
			!slices.Equal(here.Additional, there.Additional) && q[0] != "_sip._tcp.big.voice.example.net." {
			t.Errorf("%s: %+v, want %+v", q, here, there)
		}
	}
	r, err := AskZone(z, "_sip._udp.acme.voice.example.net", "SRV")
	if err != nil || len(r.Answer) != 3 || !strings.HasSuffix(r.Answer[0], "SRV 10 100 5060 sip.calgary.voice.example.net.") {
		t.Errorf("%+v, %v", r, err)
	}
	for _, q := range [][2]string{{"a..b", "A"}, {"west.voice.example.net", "NOTYPE"}} {
		if _, err := AskZone(z, q[0], q[1]); !errors.Is(err, ErrQuestion) {
			t.Errorf("%s: %v", q, err)
		}
	}
	named := start(t, Config{NSID: "calgary"}, z)
	if r, err := Ask(ctx, named.Addrs()[0], origin, "SOA", false); err != nil || r.Server != "calgary" || r.Serial != 7 {
		t.Errorf("%+v, %v", r, err)
	}
}
