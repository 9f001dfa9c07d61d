package certlint

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rich is a certificate with every extension that crypto/x509 writes.
func rich(t testing.TB) []byte {
	ca := newAuthority(t, "test authority")
	leaf := leafFor("west.voice.example.net")
	leaf.URIs = []*url.URL{{Scheme: "sip", Opaque: "west.voice.example.net"}}
	leaf.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")}
	leaf.EmailAddresses = []string{"a@example.net"}
	leaf.CRLDistributionPoints = []string{"http://crl.example.net/1"}
	leaf.OCSPServer = []string{"http://ocsp.example.net"}
	leaf.Policies = nil
	leaf.BasicConstraintsValid = true
	return ca.issue(t, leaf, newKey(t))
}

func TestGoodCertificateIsGood(t *testing.T) {
	if m := CheckDER(rich(t)); m != nil {
		t.Fatal(m)
	}
}

// TestEveryCutIsFound cuts a good certificate at each octet.
func TestEveryCutIsFound(t *testing.T) {
	der := rich(t)
	for n := range der {
		if m := CheckDER(der[:n]); m == nil {
			t.Fatalf("cut after %d of %d octets: nothing found", n, len(der))
		} else if m.Offset > n {
			t.Fatalf("cut after %d octets: pointed to octet %d", n, m.Offset)
		}
	}
}

// TestMalformedIsPinpointed breaks one thing at a known octet.
func TestMalformedIsPinpointed(t *testing.T) {
	der := rich(t)
	at := func(pattern ...byte) int {
		i := bytes.Index(der, pattern)
		if i < 0 {
			t.Fatalf("pattern % x is not in the certificate", pattern)
		}
		return i
	}
	serial := at(0x02, 0x02, 0x12, 0x67)
	notBefore := at(0x17, 0x0d)
	san := at(0x06, 0x03, 0x55, 0x1d, 0x11)
	key := bytes.Index(der, []byte{0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01})
	for _, tt := range []struct {
		name   string
		change func(d []byte)
		offset int
		field  string
		words  string
	}{
		{"outer tag", func(d []byte) { d[0] = 0x31 }, 0, "certificate", "SEQUENCE"},
		{"indefinite length", func(d []byte) { d[5] = 0x80 }, 5, "tbsCertificate", "BER"},
		{"version", func(d []byte) { d[12] = 7 }, 12, "tbsCertificate.version", "version 8"},
		{"padded serial", func(d []byte) { d[serial+2] = 0; d[serial+3] = 1 }, serial + 2, "tbsCertificate.serialNumber", "octet too many"},
		{"month 13", func(d []byte) { copy(d[notBefore+4:], "13") }, notBefore + 2, "tbsCertificate.validity.notBefore", "not of the form"},
		{"date tag", func(d []byte) { d[notBefore] = 0x0c }, notBefore, "tbsCertificate.validity.notBefore", "instead of a date"},
		{"date length", func(d []byte) { d[notBefore+1] = 0x7f }, notBefore + 1, "tbsCertificate.validity.notBefore", "only"},
		{"key bits", func(d []byte) { d[key+21] = 0x09 }, key + 21, "tbsCertificate.subjectPublicKeyInfo.subjectPublicKey", "unused bits"},
		{"name tag", func(d []byte) { d[san+9] = 0x04 }, san + 9, "tbsCertificate.extensions.subjectAltName.names.[0]", "no kind of name"},
		{"name octet", func(d []byte) { d[san+12] = 0xff }, san + 12, "tbsCertificate.extensions.subjectAltName.names.[0]", "0xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := slices.Clone(der)
			tt.change(d)
			m := CheckDER(d)
			if m == nil {
				t.Fatal("nothing found")
			}
			if m.Offset != tt.offset || m.Field != tt.field || !strings.Contains(m.Problem, tt.words) {
				t.Errorf("found %v, want octet %d, %s, %q", m, tt.offset, tt.field, tt.words)
			}
		})
	}
}

// TestTrailingOctets: what follows the certificate belongs to nobody.
func TestTrailingOctets(t *testing.T) {
	der := rich(t)
	m := CheckDER(append(slices.Clone(der), 0))
	if m == nil || m.Offset != len(der) {
		t.Errorf("found %v, want octet %d", m, len(der))
	}
}

func TestExtensionTwice(t *testing.T) {
	leaf := leafFor("a.example.net")
	twice := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: []byte{5, 0}}
	leaf.ExtraExtensions = []pkix.Extension{twice, twice}
	m := CheckDER(newAuthority(t, "ca").issue(t, leaf, newKey(t)))
	if m == nil || m.Field != "tbsCertificate.extensions.1.2.3.4" || !strings.Contains(m.Problem, "twice") {
		t.Errorf("found %v", m)
	}
}

// TestCertificatesOfOpenSSL: what OpenSSL writes is DER.
func TestCertificatesOfOpenSSL(t *testing.T) {
	path := openssl(t)
	for _, args := range [][]string{
		{"-newkey", "rsa:2048", "-subj", "/C=CA/O=Example/CN=a.example.net", "-addext", "subjectAltName=DNS:a.example.net,URI:sip:a.example.net,IP:192.0.2.1,dirName:d", "-config", "/dev/stdin"},
		{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=b"},
		{"-newkey", "ed25519", "-subj", "/CN=c", "-days", "20000"},
		{"-newkey", "rsa:2048", "-subj", "/CN=d", "-sigopt", "rsa_padding_mode:pss", "-sha256"},
	} {
		cmd := exec.Command(path, append([]string{"req", "-x509", "-nodes", "-keyout", "/dev/null", "-outform", "DER"}, args...)...)
		cmd.Stdin = strings.NewReader("[req]\ndistinguished_name=n\nx509_extensions=v3_ca\n[n]\n[d]\nCN=x\n[v3_ca]\nbasicConstraints=critical,CA:true\n")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		der, err := cmd.Output()
		if err != nil {
			t.Fatalf("openssl %v: %v: %s", args, err, stderr.String())
		}
		if m := CheckDER(der); m != nil {
			t.Errorf("openssl %v: %v", args, m)
		}
	}
}

func FuzzCheckDER(f *testing.F) {
	f.Add(rich(f))
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, der []byte) {
		m := CheckDER(der)
		if m != nil && (m.Offset < 0 || m.Offset > len(der) || m.Field == "") {
			t.Errorf("points nowhere: %v of %d octets", m, len(der))
		}
		s := &source{}
		s.load(der, "") // must not panic either
		_, _ = x509.ParseCertificate(der)
	})
}
