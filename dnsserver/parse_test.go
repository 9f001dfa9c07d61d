package dnsserver

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Pieces of raw messages, in hexadecimal. ID beef, RD set.
const (
	apexName   = "05 766f696365 07 6578616d706c65 03 6e6574 00" // voice.example.net.
	apexSOA    = apexName + "0006 0001"
	oneOPT     = "00 0029 04d0 00 00 0000 0000"
	oneA       = "c00c 0001 0001 00000000 0004 c0000201"
	oneTSIG    = "01 6b 00 00fa 00ff 00000000 003a 08 686d61632d6d6435 07 7369672d616c67 03 726567 03 696e74 00 000000000000 012c 0010 00112233445566778899aabbccddeeff beef 0000 0000"
	silent     = -1
	queryFlags = "0100"
)

// message makes a raw message of flags, counts and the rest.
func message(t testing.TB, flags, counts string, rest ...string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll("beef"+flags+counts+strings.Join(rest, ""), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMalformed sends what no DNS library would make. Where implementations
// differ, the answers are those of BIND and NSD.
func TestMalformed(t *testing.T) {
	const one = "0001 0000 0000 0000"
	cases := []struct {
		why  string
		msg  []byte
		want int // rcode, or silent
	}{
		{"a proper question", message(t, queryFlags, one, apexSOA), dns.RcodeSuccess},
		{"empty", nil, silent},
		{"shorter than a header", message(t, queryFlags, "0001 0000 0000 00"), silent},
		{"an answer (QR=1)", message(t, "8100", one, apexSOA), silent},
		{"an answer with an error and nothing else", message(t, "8101", "0000 0000 0000 0000"), silent},
		{"header only", message(t, queryFlags, "0000 0000 0000 0000"), dns.RcodeFormatError},
		{"no question, but OPT", message(t, queryFlags, "0000 0000 0000 0001", oneOPT), dns.RcodeFormatError},
		{"a question counted and missing", message(t, queryFlags, one), dns.RcodeFormatError},
		{"a question without class", message(t, queryFlags, one, apexName, "0006"), dns.RcodeFormatError},
		{"a question without type", message(t, queryFlags, one, apexName), dns.RcodeFormatError},
		{"a name without end", message(t, queryFlags, one, "05 766f696365"), dns.RcodeFormatError},
		{"two questions (RFC 9619)", message(t, queryFlags, "0002 0000 0000 0000", apexSOA, apexSOA), dns.RcodeFormatError},
		{"65535 questions", message(t, queryFlags, "ffff 0000 0000 0000", apexSOA), dns.RcodeFormatError},
		{"a pointer to itself as name", message(t, queryFlags, one, "c00c 0006 0001"), dns.RcodeFormatError},
		{"a pointer into the header as name", message(t, queryFlags, one, "c000 0006 0001"), dns.RcodeFormatError},
		{"a label of the type 01", message(t, queryFlags, one, "41 00 0006 0001"), dns.RcodeFormatError},
		{"a label of the type 10", message(t, queryFlags, one, "81 00 0006 0001"), dns.RcodeFormatError},
		{"a name of 256 octets", message(t, queryFlags, one, strings.Repeat("3f"+strings.Repeat("61", 63), 3), "3e"+strings.Repeat("61", 62), "00 0001 0001"), dns.RcodeFormatError},
		{"a name of 255 octets", message(t, queryFlags, one, strings.Repeat("3f"+strings.Repeat("61", 63), 3), "3d"+strings.Repeat("61", 61), "00 0001 0001"), dns.RcodeRefused},
		{"an answer counted and missing", message(t, queryFlags, "0001 0001 0000 0000", apexSOA), dns.RcodeFormatError},
		{"an authority record counted and missing", message(t, queryFlags, "0001 0000 0001 0000", apexSOA), dns.RcodeFormatError},
		{"an additional record counted and missing", message(t, queryFlags, "0001 0000 0000 0001", apexSOA), dns.RcodeFormatError},
		{"65535 additional records and one there", message(t, queryFlags, "0001 0000 0000 ffff", apexSOA, oneOPT), dns.RcodeFormatError},
		{"octets behind the message", message(t, queryFlags, one, apexSOA, "00"), dns.RcodeFormatError},
		{"a record that nobody counted", message(t, queryFlags, one, apexSOA, oneOPT), dns.RcodeFormatError},
		{"a record in the answer section", message(t, queryFlags, "0001 0001 0000 0000", apexSOA, oneA), dns.RcodeSuccess},
		{"a record in the additional section", message(t, queryFlags, "0001 0000 0000 0001", apexSOA, oneA), dns.RcodeSuccess},
		{"two OPT (RFC 6891 §6.1.1)", message(t, queryFlags, "0001 0000 0000 0002", apexSOA, oneOPT, oneOPT), dns.RcodeFormatError},
		{"OPT before another record", message(t, queryFlags, "0001 0000 0000 0002", apexSOA, oneOPT, oneA), dns.RcodeSuccess},
		{"OPT in the answer section", message(t, queryFlags, "0001 0001 0000 0000", apexSOA, oneOPT), dns.RcodeFormatError},
		{"OPT of another owner than the root", message(t, queryFlags, "0001 0000 0000 0001", apexSOA, "01 61", oneOPT), dns.RcodeFormatError},
		{"OPT that says more octets than there are", message(t, queryFlags, "0001 0000 0000 0001", apexSOA, "00 0029 04d0 00000000 0004"), dns.RcodeFormatError},
		{"an option without length", message(t, queryFlags, "0001 0000 0000 0001", apexSOA, "00 0029 04d0 00000000 0002 0003"), dns.RcodeFormatError},
		{"an option longer than OPT", message(t, queryFlags, "0001 0000 0000 0001", apexSOA, "00 0029 04d0 00000000 0005 0003 0002 00"), dns.RcodeFormatError},
		{"an option that nobody knows", message(t, queryFlags, "0001 0000 0000 0001", apexSOA, "00 0029 04d0 00000000 0006 fde9 0002 0000"), dns.RcodeSuccess},
		{"an owner that points forwards", message(t, queryFlags, "0001 0000 0000 0001", apexSOA, "c0ff 0001 0001 00000000 0000"), dns.RcodeFormatError},
		{"an owner that points to itself", message(t, queryFlags, "0001 0000 0000 0001", apexSOA, "c023 0001 0001 00000000 0000"), dns.RcodeFormatError},
		{"BADVERS in an otherwise broken message", message(t, queryFlags, "0001 0000 0000 0002", apexSOA, "00 0029 04d0 00 01 0000 0000", "00"), dns.RcodeFormatError},
		{"opcode 15", message(t, "7900", one, apexSOA), dns.RcodeNotImplemented},
		{"opcode 1 (IQUERY) without question", message(t, "0900", "0000 0001 0000 0000", "00 0001 0001 00000000 0004 c0000201"), dns.RcodeNotImplemented},
		{"opcode 6 (DSO) of a header alone", message(t, "3000", "0000 0000 0000 0000"), dns.RcodeNotImplemented},
		{"all flags that a question may have", message(t, "07ff", one, apexSOA), dns.RcodeSuccess},
		{"TSIG by a key that is not known", message(t, queryFlags, "0001 0000 0000 0001", apexSOA, oneTSIG), dns.RcodeNotAuth},
		{"TSIG that is not the last (RFC 8945 §5.1)", message(t, queryFlags, "0001 0000 0000 0002", apexSOA, oneTSIG, oneOPT), dns.RcodeFormatError},
	}
	r := newTestResponder(t, Config{}, zoneOf(t, 7, labRecords))
	for _, c := range cases {
		for _, via := range []transport{UDP, TCP} {
			t.Run(c.why+" over "+via.String(), func(t *testing.T) {
				out := r.respond(make([]byte, maxMessage), c.msg, via)
				if c.want == silent {
					if out != nil {
						t.Fatalf("answered %x", out)
					}
					return
				}
				checkForm(t, c.msg, out, via)
				if got := int(u16(out[2:]) & 0xF); got != c.want {
					t.Errorf("rcode %s, want %s", dns.RcodeToString[got], dns.RcodeToString[c.want])
				}
				if c.want == dns.RcodeFormatError && len(out) > len(c.msg) {
					t.Errorf("%d octets answer %d that are malformed", len(out), len(c.msg))
				}
			})
		}
	}
}

// An unknown TSIG key is named in the answer (RFC 8945 §5.2.1).
func TestTSIGUnknownKey(t *testing.T) {
	r := newTestResponder(t, Config{}, zoneOf(t, 7, labRecords))
	m := question(origin, "AXFR")
	m.SetTsig("transfer.", dns.HmacSHA256, 300, 1700000000)
	wire, _, err := dns.TsigGenerate(m, "c2VjcmV0", "", false)
	if err != nil {
		t.Fatal(err)
	}
	var a dns.Msg
	if err := a.Unpack(r.respond(make([]byte, maxMessage), wire, TCP)); err != nil {
		t.Fatal(err)
	}
	if ts := a.IsTsig(); a.Rcode != dns.RcodeNotAuth || ts == nil || ts.Error != dns.RcodeBadKey || ts.Hdr.Name != "transfer." || ts.MACSize != 0 {
		t.Errorf("answer is %v", &a)
	}
}

// Every prefix of a question, and every question with one octet changed, gets
// a well-formed answer or none.
func TestDamagedQuestions(t *testing.T) {
	r := newTestResponder(t, Config{NSID: "calgary"}, zoneOf(t, 7, labRecords))
	whole := message(t, queryFlags, "0001 0000 0000 0001", "04 5f736970 04 5f756470 04 77657374", apexName, "0021 0001", "00 0029 04d0 00000000 0004 0003 0000")
	buf := make([]byte, maxMessage)
	for n := range whole {
		if out := r.respond(buf, whole[:n], UDP); out != nil {
			checkForm(t, whole[:n], out, UDP)
		}
	}
	damaged := make([]byte, len(whole))
	answered := 0
	for i := range whole {
		for v := range 256 {
			copy(damaged, whole)
			damaged[i] = byte(v)
			if out := r.respond(buf, damaged, UDP); out != nil {
				answered++
				checkForm(t, damaged, out, UDP)
			}
		}
	}
	if answered < 10000 {
		t.Errorf("only %d were answered", answered)
	}
}
