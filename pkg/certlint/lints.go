package certlint

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// lint is one rule about a certificate by itself. It returns "" where the rule
// is kept.
type lint struct {
	rule     string
	severity Severity
	leaf     bool // only for certificates that a server shows as its own
	check    func(c *x509.Certificate) string
}

// lints are the rules that phones and softswitches stumble over. Public
// authorities have hundreds more, which matter to nobody here.
var lints = []lint{
	{"dates-inverted", Bad, false, datesInverted},
	{"signature-weak", Bad, false, signatureWeak},
	{"critical-unknown", Bad, false, criticalUnknown},
	{"usage", Bad, true, usage},
	{"key-usage", Warn, true, keyUsage},
	{"ca-as-server", Warn, true, caAsServer},
	{"no-names", Warn, true, noNames},
	{"name-form", Warn, true, nameForm},
	{"wildcard", Warn, true, wildcard},
	{"serial", Warn, false, serial},
	{"version", Warn, false, version},
	{"san-critical", Warn, false, sanCritical},
	{"attribute-length", Warn, false, attributeLength},
	{"ca-usage", Warn, false, caUsage},
	{"must-staple", Warn, true, mustStaple},
}

func selfSigned(c *x509.Certificate) bool {
	return string(c.RawIssuer) == string(c.RawSubject)
}

func datesInverted(c *x509.Certificate) string {
	if c.NotAfter.Before(c.NotBefore) {
		return fmt.Sprintf("it ends (%s) before it begins (%s)", day(c.NotAfter), day(c.NotBefore))
	}
	return ""
}

func signatureWeak(c *x509.Certificate) string {
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		if !selfSigned(c) || !c.IsCA { // nobody checks the signature of a root
			return fmt.Sprintf("it is signed with %s, which TLS libraries refuse", c.SignatureAlgorithm)
		}
	case x509.UnknownSignatureAlgorithm:
		return "it is signed with an algorithm that is not known"
	}
	return ""
}

func criticalUnknown(c *x509.Certificate) string {
	if len(c.UnhandledCriticalExtensions) > 0 {
		return fmt.Sprintf("it has the critical extension %s, which clients that do not know it must refuse (RFC 5280 section 4.2)", c.UnhandledCriticalExtensions[0])
	}
	return ""
}

// sipDomain is the extended key usage id-kp-sipDomain (RFC 5924 §4).
var sipDomain = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 20}

// ForServers reports whether the extended key usage lets a certificate be a
// server's: serverAuth, sipDomain, any, or no restriction at all (RFC 5924 §5).
func ForServers(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) ||
		slices.ContainsFunc(c.UnknownExtKeyUsage, sipDomain.Equal)
}

func usage(c *x509.Certificate) string {
	if !ForServers(c) {
		return "it is not for servers (extended key usage, RFC 5924)"
	}
	return ""
}

func keyUsage(c *x509.Certificate) string {
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return "its key usage lacks digitalSignature, which every handshake with forward secrecy needs"
	}
	return ""
}

func caAsServer(c *x509.Certificate) string {
	if c.IsCA && !selfSigned(c) {
		return "it is an authority's certificate, and stands first as if it were a server's"
	}
	return ""
}

func noNames(c *x509.Certificate) string {
	if c.IsCA || len(Identities(c)) > 0 || len(c.IPAddresses) > 0 {
		return ""
	}
	return "it names no SIP domain in subjectAltName; whether a phone takes the common name is up to the phone (RFC 5922 section 7.1)"
}

func nameForm(c *x509.Certificate) string {
	for _, n := range c.DNSNames {
		if _, err := netip.ParseAddr(n); err == nil {
			return fmt.Sprintf("%s is an address written as a DNS name; clients do not match it", quoted(n))
		}
		if strings.ContainsAny(n, " _:/@") || strings.HasPrefix(n, ".") || strings.HasSuffix(n, ".") || strings.Contains(n, "..") {
			return fmt.Sprintf("%s is no DNS name", quoted(n))
		}
	}
	for _, u := range c.URIs {
		if strings.EqualFold(u.Scheme, "sips") || strings.EqualFold(u.Scheme, "sip") && strings.Contains(u.Opaque, "@") {
			return fmt.Sprintf("the URI %s is no SIP domain: sip:DOMAIN is (RFC 5922 section 7.1)", quoted(u.String()))
		}
	}
	return ""
}

func wildcard(c *x509.Certificate) string {
	for _, n := range Identities(c) {
		if strings.HasPrefix(n, "*.") {
			return fmt.Sprintf("%s is a wildcard, which RFC 5922 section 7.2 forbids and some phones refuse", quoted(n))
		}
	}
	return ""
}

func serial(c *x509.Certificate) string {
	switch n := c.SerialNumber; {
	case n.Sign() <= 0:
		return "its serial number is not above zero (RFC 5280 section 4.1.2.2)"
	case n.BitLen() > 159:
		return "its serial number has more than 20 octets (RFC 5280 section 4.1.2.2)"
	}
	return ""
}

func version(c *x509.Certificate) string {
	if c.Version != 3 {
		return fmt.Sprintf("it is of version %d, which cannot hold names or usage", c.Version)
	}
	return ""
}

func sanCritical(c *x509.Certificate) string {
	if len(c.Subject.Names) > 0 {
		return ""
	}
	for _, e := range c.Extensions {
		if e.Id.String() == "2.5.29.17" && !e.Critical {
			return "its subject is empty, so subjectAltName must be critical (RFC 5280 section 4.2.1.6)"
		}
	}
	return ""
}

func attributeLength(c *x509.Certificate) string {
	if n := len(c.Subject.CommonName); n > 64 {
		return fmt.Sprintf("its common name has %d characters, at most 64 are allowed (RFC 5280 appendix A)", n)
	}
	for _, country := range c.Subject.Country {
		if len(country) != 2 {
			return fmt.Sprintf("its country %s is no code of two letters", quoted(country))
		}
	}
	return ""
}

func caUsage(c *x509.Certificate) string {
	if c.IsCA && c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
		return "it is an authority's, but its key usage lacks keyCertSign"
	}
	return ""
}

func mustStaple(c *x509.Certificate) string {
	for _, e := range c.Extensions {
		if e.Id.String() == "1.3.6.1.5.5.7.1.24" {
			return "it demands a stapled OCSP answer (RFC 7633), which few softswitches send"
		}
	}
	return ""
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
