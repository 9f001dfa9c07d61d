package dnsserver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// signedRecords are what a signed zone of the tests has beside tenants.
const signedRecords = labRecords + eastRecords + besideRecords + `
a.b.empty.voice.example.net. 60 IN A 192.0.2.7
branch.voice.example.net. 300 IN DS 4711 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
child.voice.example.net. 300 IN NS ns.elsewhere.example.
mail.voice.example.net. 300 IN MX 10 Portal.voice.example.net.
`

// testKey is a key in clear: unsealed is what it was sealed as.
func testKey(t testing.TB, signs bool) srv.SigningKey {
	t.Helper()
	public, private, err := NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	return srv.SigningKey{Public: public, Sealed: "sealed:" + string(private), Signs: signs}
}

func unsealTest(sealed string) ([]byte, error) {
	private, ok := strings.CutPrefix(sealed, "sealed:")
	if !ok {
		return nil, errors.New("sealed by another key")
	}
	return []byte(private), nil
}

// withKeys adds keys to a zone, and the sets that tell them.
func withKeys(z *srv.Zone, keys ...srv.SigningKey) *srv.Zone {
	if len(keys) == 0 {
		return z
	}
	out := *z
	out.Keys, out.Sets = keys, slices.Clone(z.Sets)
	for _, t := range []srv.Type{srv.TypeDNSKEY, srv.TypeCDNSKEY, srv.TypeCDS} {
		set := srv.RRset{Name: z.Origin, Type: t, TTL: 3600}
		for _, k := range keys {
			if t == srv.TypeCDS {
				set.Data = append(set.Data, k.DS(z.Origin, t))
			} else {
				set.Data = append(set.Data, k.DNSKEY(t))
			}
		}
		out.Sets = append(out.Sets, set)
	}
	out.Sort()
	return &out
}

func signedZone(t testing.TB, answers fleet.TenantAnswers, keys ...srv.SigningKey) *srv.Zone {
	t.Helper()
	z := zoneOf(t, 7, signedRecords)
	z.Tenants, z.TenantAnswers = tenantTable(t, fewTenants()), answers
	return withKeys(z, keys...)
}

// newSigningResponder answers from a signed zone, at noon of some day.
func newSigningResponder(t testing.TB, z *srv.Zone) *responder {
	t.Helper()
	cfg := Config{Unseal: unsealTest, Listen: loopback()}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(z); err != nil {
		t.Fatal(err)
	}
	if why := s.Stats().Unsigned; why != "" {
		t.Fatal(why)
	}
	r := s.responder(&counters{})
	r.now = testNow
	return r
}

const testNow = 20_000*signPeriod + signPeriod/2

// askSigned asks with DO set.
func askSigned(t testing.TB, r *responder, name, qtype string) *dns.Msg {
	t.Helper()
	m := question(name, qtype)
	m.SetEdns0(4096, true)
	return respondTo(t, r, m, TCP)
}

func respondTo(t testing.TB, r *responder, m *dns.Msg, via transport) *dns.Msg {
	t.Helper()
	msg, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	raw := r.respond(make([]byte, maxMessage), msg, via)
	checkForm(t, msg, raw, TCP)
	out := new(dns.Msg)
	if err := out.Unpack(raw); err != nil {
		t.Fatalf("read answer to %s: %v", m.Question[0].String(), err)
	}
	return out
}

// verifySection checks that every set is signed by the key, but for those that
// others are the authority for, and returns how many are.
func verifySection(t testing.TB, records []dns.RR, key *dns.DNSKEY, unsigned func(dns.RR) bool) (signed int) {
	t.Helper()
	sets := map[string][]dns.RR{}
	var order []string
	for _, rr := range records {
		h := rr.Header()
		if h.Rrtype == dns.TypeOPT || h.Rrtype == dns.TypeRRSIG {
			continue
		}
		k := strings.ToLower(h.Name) + " " + dns.TypeToString[h.Rrtype]
		if sets[k] == nil {
			order = append(order, k)
		}
		sets[k] = append(sets[k], rr)
	}
	for _, k := range order {
		set := sets[k]
		good := 0
		for _, rr := range records {
			sig, ok := rr.(*dns.RRSIG)
			if !ok || !strings.EqualFold(sig.Hdr.Name, set[0].Header().Name) || sig.TypeCovered != set[0].Header().Rrtype || sig.KeyTag != key.KeyTag() {
				continue
			}
			if err := sig.Verify(key, set); err != nil {
				t.Errorf("%s: %v", k, err)
			}
			if !sig.ValidityPeriod(time.Unix(testNow, 0)) || sig.SignerName != key.Hdr.Name {
				t.Errorf("%s: %v", k, sig)
			}
			good++
		}
		switch {
		case unsigned(set[0]) && good > 0:
			t.Errorf("%s is signed, and is not ours", k)
		case !unsigned(set[0]) && good != 1:
			t.Errorf("%s has %d signatures", k, good)
		}
		signed += good
	}
	return signed
}

func dnskeyOf(k srv.SigningKey) *dns.DNSKEY {
	rr, err := dns.NewRR(origin + " 3600 IN DNSKEY " + k.DNSKEY(srv.TypeDNSKEY).Text)
	if err != nil {
		return nil
	}
	return rr.(*dns.DNSKEY)
}

// childs are the sets of delegated parts and delegations themselves.
func childs(rr dns.RR) bool {
	h := *rr.Header()
	h.Name = strings.ToLower(h.Name)
	return strings.HasSuffix(h.Name, "branch.voice.example.net.") && h.Rrtype != dns.TypeDS && h.Rrtype != dns.TypeNSEC ||
		h.Name == "child.voice.example.net." && h.Rrtype == dns.TypeNS
}

// Whatever is asked near the zone's names, each set of the answer is signed, the
// records are those of the unsigned answer, and denials prove what they say.
func TestEveryAnswerIsSigned(t *testing.T) {
	for _, mode := range []fleet.TenantAnswers{fleet.TenantsExpand, fleet.TenantsCNAME} {
		key := testKey(t, true)
		z := signedZone(t, mode, key)
		r := newSigningResponder(t, z)
		plain := newTestResponder(t, Config{}, z)
		names := namesAround(writtenOut(t, z))
		asked, denied := 0, 0
		for _, name := range names {
			if !dns.IsSubDomain(origin, name) {
				continue
			}
			for _, qtype := range []string{"A", "SRV", "NAPTR", "MX", "DS", "NS"} {
				m := askSigned(t, r, name, qtype)
				verifySection(t, append(slices.Clone(m.Answer), m.Ns...), dnskeyOf(key), childs)
				verifySection(t, m.Extra, dnskeyOf(key), childs)
				if sameAsUnsigned(t, m, respondTo(t, plain, question(name, qtype), TCP)) {
					denied++
				}
				if t.Failed() {
					t.Fatalf("%s %s:\n%v", name, qtype, m)
				}
				asked++
			}
		}
		if asked < 500 || denied < 100 {
			t.Errorf("%d asked, %d denied", asked, denied)
		}
	}
}

// The tenants of a cohort are signed with the sets of their cohort.
func TestCohortsAreSigned(t *testing.T) {
	for _, mode := range []fleet.TenantAnswers{fleet.TenantsExpand, fleet.TenantsCNAME} {
		key := testKey(t, true)
		z := withKeys(cohortZone(t, 7, mode, fewTenants()), key)
		r, plain := newSigningResponder(t, z), newTestResponder(t, Config{}, z)
		for tenant := range fewTenants() {
			for _, name := range []string{"_sip._udp." + string(tenant) + ".", string(tenant) + "."} {
				for _, qtype := range []string{"SRV", "NAPTR", "MX"} {
					m := askSigned(t, r, name, qtype)
					verifySection(t, append(slices.Clone(m.Answer), m.Ns...), dnskeyOf(key), childs)
					if sameAsUnsigned(t, m, respondTo(t, plain, question(name, qtype), TCP)); t.Failed() {
						t.Fatalf("%s %s, tenants %s:\n%v", name, qtype, mode, m)
					}
				}
			}
		}
	}
}

// sameAsUnsigned compares an answer, without what signatures add, with the
// unsigned one, and reports whether it denies.
func sameAsUnsigned(t testing.TB, got, plain *dns.Msg) (denies bool) {
	t.Helper()
	nsec := withoutSignatures(got)
	if a, b := told(got), told(plain); !slices.Equal(a, b) {
		t.Errorf("%q, unsigned %q", a, b)
	}
	if got.Rcode != dns.RcodeSuccess || got.Authoritative != plain.Authoritative {
		t.Errorf("%v, unsigned %v", got.MsgHdr, plain.MsgHdr)
	}
	missing := nsec != nil && slices.Contains(nsec.TypeBitMap, typeNXNAME)
	if missing != (plain.Rcode == dns.RcodeNameError) {
		t.Errorf("%v for an answer with %s", nsec, dns.RcodeToString[plain.Rcode])
	}
	if nsec != nil && got.Authoritative && slices.Contains(nsec.TypeBitMap, got.Question[0].Qtype) {
		t.Errorf("%v denies what it lists", nsec)
	}
	return missing
}

// withoutSignatures takes signatures and the NSEC record out of a message.
func withoutSignatures(m *dns.Msg) (nsec *dns.NSEC) {
	for _, section := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
		*section = slices.DeleteFunc(*section, func(rr dns.RR) bool {
			if n, ok := rr.(*dns.NSEC); ok {
				nsec = n
			}
			t := rr.Header().Rrtype
			return t == dns.TypeRRSIG || t == dns.TypeNSEC || t == dns.TypeDS && section == &m.Ns
		})
	}
	return nsec
}

// The proofs of what does not exist, by kind (RFC 9824 §3).
func TestCompactDenial(t *testing.T) {
	r := newSigningResponder(t, signedZone(t, fleet.TenantsExpand, testKey(t, true)))
	for _, tc := range []struct{ name, qtype, next, types string }{
		{"nobody", "A", `\000.nobody`, "RRSIG NSEC NXNAME"},
		{"x.y.nobody", "SRV", `\000.x.y.nobody`, "RRSIG NSEC NXNAME"},
		{"b.empty", "A", `\000.b.empty`, "RRSIG NSEC"},
		{"b.c", "A", `\000.b.c`, "RRSIG NSEC"}, // above tenants
		{"west", "MX", `\000.west`, "A NAPTR TXT AAAA RRSIG NSEC"},
		{"acme", "MX", `\000.acme`, "A NAPTR TXT AAAA RRSIG NSEC"},
		{"_sip._udp.acme", "A", `\000._sip._udp.acme`, "RRSIG NSEC SRV"},
		{"x.wild", "MX", `\000.x.wild`, "A RRSIG NSEC"},
		{"child", "DS", `\000.child`, "NS RRSIG NSEC"},
	} {
		m := askSigned(t, r, tc.name+"."+origin, tc.qtype)
		nsec := withoutSignatures(m)
		if nsec == nil {
			t.Errorf("%s %s: no NSEC in\n%v", tc.name, tc.qtype, m)
			continue
		}
		var types []string
		for _, b := range nsec.TypeBitMap {
			types = append(types, dns.TypeToString[b])
		}
		slices.Sort(types)
		want := strings.Fields(tc.types)
		slices.Sort(want)
		if nsec.Hdr.Name != tc.name+"."+origin || nsec.NextDomain != tc.next+"."+origin || !slices.Equal(types, want) || nsec.Hdr.Ttl != 5 {
			t.Errorf("%s %s: %v", tc.name, tc.qtype, nsec)
		}
	}
}

// Who says that it knows compact answers gets the code of the name too, and is
// told that it was understood (RFC 9824 §5.1).
func TestCompactAnswersOK(t *testing.T) {
	r := newSigningResponder(t, signedZone(t, fleet.TenantsExpand, testKey(t, true)))
	for name, code := range map[string]int{"nobody.": dns.RcodeNameError, "b.empty.": dns.RcodeSuccess, "lost.": dns.RcodeNameError} {
		m := question(name+origin, "A")
		m.SetEdns0(1232, true)
		m.IsEdns0().SetCo()
		if out := respondTo(t, r, m, UDP); out.Rcode != code || !out.IsEdns0().Co() {
			t.Errorf("%s: %v", name, out)
		}
	}
	m := question("west."+origin, "NXNAME")
	m.SetEdns0(1232, true)
	out := respondTo(t, r, m, UDP)
	if out.Rcode != dns.RcodeFormatError || !strings.Contains(out.IsEdns0().String(), "EDE: 30") {
		t.Errorf("a question for NXNAME itself: %v", out)
	}
}

// ANY and RRSIG are answered with one set's, and NSEC with the name's own
// (RFC 8482 §4.1).
func TestOneSetAnswersForAll(t *testing.T) {
	key := testKey(t, true)
	r := newSigningResponder(t, signedZone(t, fleet.TenantsExpand, key))
	for _, name := range []string{"", "west.", "acme.", "x.wild.", "www."} {
		for qtype, records := range map[string]int{"ANY": 2, "RRSIG": 1, "NSEC": 2} {
			m := askSigned(t, r, name+origin, qtype)
			signatures := slices.DeleteFunc(slices.Clone(m.Answer), func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeRRSIG })
			if len(signatures) != 1 || len(m.Answer) < records || len(m.Ns) > 0 {
				t.Errorf("%s %s: %v", name, qtype, m)
			}
			if qtype == "RRSIG" && len(m.Answer) != 1 || qtype == "NSEC" && m.Answer[0].Header().Rrtype != dns.TypeNSEC {
				t.Errorf("%s %s: %v", name, qtype, m)
			}
		}
	}
}

// Without DO nothing is different from a zone that is not signed, octet by octet.
func TestUnsignedAnswersStay(t *testing.T) {
	signed := signedZone(t, fleet.TenantsExpand, testKey(t, true))
	bare := *signed
	bare.Keys = nil
	r, ref := newSigningResponder(t, signed), newTestResponder(t, Config{}, &bare)
	names := namesAround(writtenOut(t, signed))
	if n := sameAnswers(t, r.zones.Load().steered, ref.zones.Load().steered, names); n < 1000 {
		t.Errorf("%d asked", n)
	}
}

// Both keys of a roll-over sign the sets of keys, and one signs the rest.
func TestRollOverSignatures(t *testing.T) {
	active, next := testKey(t, true), testKey(t, false)
	r := newSigningResponder(t, signedZone(t, fleet.TenantsExpand, active, next))
	none := func(dns.RR) bool { return false }
	all := func(dns.RR) bool { return true }
	for _, qtype := range []string{"DNSKEY", "CDS", "CDNSKEY"} {
		m := askSigned(t, r, origin, qtype)
		verifySection(t, m.Answer, dnskeyOf(active), none)
		verifySection(t, m.Answer, dnskeyOf(next), none)
	}
	m := askSigned(t, r, "_sip._udp.acme."+origin, "SRV")
	verifySection(t, m.Answer, dnskeyOf(active), none)
	verifySection(t, m.Answer, dnskeyOf(next), all)
}

// What was signed once is not signed again in its period, over epochs too, and
// signatures do not depend on who makes them.
func TestSignaturesAreKept(t *testing.T) {
	key := testKey(t, true)
	z := signedZone(t, fleet.TenantsExpand, key)
	cfg := Config{Unseal: unsealTest, Listen: loopback()}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := s.responder(&counters{})
	r.now = testNow
	signaturesFor := func(epoch uint64) (made int, answer string) {
		next := *z
		next.Epoch, next.SOA.Serial = epoch, uint32(epoch)
		if err := s.Serve(&next); err != nil {
			t.Fatal(err)
		}
		before := s.signatures.len()
		m := askSigned(t, r, "_sip._udp.acme."+origin, "SRV")
		m.Id = 0
		return s.signatures.len() - before, m.String()
	}
	if made, _ := signaturesFor(7); made != 6 { // the SRV set and five sets of addresses
		t.Errorf("%d signatures made at first", made)
	}
	made, answer := signaturesFor(8)
	if made != 0 {
		t.Errorf("%d signatures made again at the next epoch", made)
	}
	r.now += signPeriod
	if made, _ := signaturesFor(9); made != 6 {
		t.Errorf("%d signatures made in the next period", made)
	}
	if other := askSigned(t, newSigningResponder(t, z), "_sip._udp.acme."+origin, "SRV"); true {
		other.Id = 0
		if other.String() != answer {
			t.Errorf("another server answers\n%v\nnot\n%v", other, answer)
		}
	}
}

// A signed answer that was made before costs no allocation, and the unsigned
// ones of a signed zone neither.
func TestSignedAnswersDoNotAllocate(t *testing.T) {
	r := newSigningResponder(t, withKeys(zoneOf(t, 7, labRecords), testKey(t, true)))
	s := &Server{limiter: newLimiter(RateLimit{Off: true})}
	out := make([]byte, maxUDPSize)
	client := netip.MustParseAddrPort("192.0.2.1:5353")
	for _, do := range []bool{false, true} {
		for _, name := range []string{"_SIP._udp.west.", "west.", "nobody."} {
			m := question(name+origin, "SRV")
			m.SetEdns0(1232, do)
			msg, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if n := testing.AllocsPerRun(1000, func() { s.answerUDP(r, out, msg, client, testNow) }); n != 0 {
				t.Errorf("%s with DO %v: %v allocations", name, do, n)
			}
		}
	}
}

// Names that were never asked for do not take the processor from the others:
// above the budget who may be forged comes again over TCP.
func TestSigningBudget(t *testing.T) {
	r := newSigningResponder(t, signedZone(t, fleet.TenantsExpand, testKey(t, true)))
	askOver := func(name string, via transport) *dns.Msg {
		m := question(name+origin, "A")
		m.SetEdns0(1232, true)
		return respondTo(t, r, m, via)
	}
	askOver("west.", UDP)
	r.zones.Load().steered.signing.budget.v.Store(uint64(r.now)<<32 | signBudget)
	if m := askOver("nobody.", UDP); !m.Truncated || len(m.Ns) > 0 {
		t.Errorf("above the budget: %v", m)
	}
	if m := askOver("west.", UDP); m.Truncated {
		t.Errorf("made before, above the budget: %v", m)
	}
	if m := askOver("nobody.", TCP); m.Truncated || len(m.Ns) != 4 {
		t.Errorf("over TCP: %v", m)
	}
	r.now++
	if m := askOver("someone.", UDP); m.Truncated {
		t.Errorf("a second later: %v", m)
	}
}

// A server that cannot open the keys answers without signatures, and says so to
// who asks and to who runs it.
func TestWithoutSealingKey(t *testing.T) {
	z := signedZone(t, fleet.TenantsExpand, testKey(t, true))
	other := testKey(t, true)
	wrong := *z
	wrong.Keys = []srv.SigningKey{{Public: other.Public, Sealed: z.Keys[0].Sealed, Signs: true}}
	for why, tc := range map[string]struct {
		unseal func(string) ([]byte, error)
		zone   *srv.Zone
	}{
		"no sealing key":         {nil, z},
		"lost":                   {func(string) ([]byte, error) { return nil, errors.New("the key is lost") }, z},
		"decode":                 {func(string) ([]byte, error) { return []byte{1}, nil }, z},
		"belongs to another key": {unsealTest, &wrong},
	} {
		s := start(t, Config{Unseal: tc.unseal}, tc.zone)
		m := question("_sip._udp.acme."+origin, "SRV")
		m.SetEdns0(1232, true)
		out := ask(t, s, "udp", m)
		if len(out.Answer) != 3 || !strings.Contains(out.IsEdns0().String(), "EDE: 10") {
			t.Errorf("%s: %v", why, out)
		}
		if st := s.Stats(); !strings.Contains(st.Unsigned, why) || !strings.Contains(st.Unsigned, fmt.Sprint(tc.zone.Keys[0].Tag())) {
			t.Errorf("%s: %q", why, st.Unsigned)
		}
	}
}

// A signed zone is not given away without its signatures.
func TestSignedZoneIsNotTransferred(t *testing.T) {
	cfg := withSecondary()
	cfg.Unseal = unsealTest
	s := start(t, cfg, signedZone(t, fleet.TenantsExpand, testKey(t, true)))
	if records, err := fetch(t, s, 0); err == nil || !strings.Contains(err.Error(), "5") || len(records) > 0 { // REFUSED
		t.Errorf("%d records, %v", len(records), err)
	}
	if st := s.Stats(); st.TransfersRefused != 1 || st.TransfersWhole != 0 {
		t.Errorf("%+v", st)
	}
}
