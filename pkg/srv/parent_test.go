package srv

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// The zone above may name a key by either digest, in any case and with spaces; it
// does not name one by the tag alone. The library's digests are the second opinion.
func TestNamedBy(t *testing.T) {
	const origin = "Voice.example.net."
	k := SigningKey{Public: strings.Repeat("k", 64)}
	rr, err := dns.NewRR(origin + " DNSKEY " + k.DNSKEY(TypeDNSKEY).Text)
	if err != nil {
		t.Fatal(err)
	}
	data := func(digest uint8) string {
		ds := rr.(*dns.DNSKEY).ToDS(digest)
		return strings.TrimPrefix(ds.String(), ds.Hdr.String())
	}
	good := data(dns.SHA256)
	if want := k.DS(origin, TypeDS).Text; !strings.EqualFold(good, want) {
		t.Errorf("DS is %q, the library's %q", want, good)
	}
	for ds, want := range map[string]bool{
		good:                                   true,
		strings.ToLower(good):                  true,
		good[:30] + " " + good[30:]:            true,
		data(dns.SHA384):                       true,
		data(dns.SHA1):                         false,
		strings.TrimSuffix(good, good[50:]):    false,
		strings.Replace(good, " 2 ", " 4 ", 1): false,
		"1" + good:                             false,
		"0 0 0 00":                             false,
		"768 0 2 D5F7":                         false,
		"":                                     false,
	} {
		if got := k.NamedBy(origin, ds); got != want {
			t.Errorf("%q: %v", ds, got)
		}
	}
}
