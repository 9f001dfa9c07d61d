package wiretest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Authority signs certificates for tests.
type Authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority returns a certificate authority of its own.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, key: newKey(t)}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "wiretest CA"},
		NotBefore: time.Now().Add(-10 * 365 * 24 * time.Hour), NotAfter: time.Now().Add(10 * 365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = sign(t, tmpl, tmpl, a.key, a.key)
	return a
}

// Pool returns the authority as roots.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// Leaf describes a server certificate.
type Leaf struct {
	DNS                 []string
	URI                 []string
	NotBefore, NotAfter time.Time // default: an hour ago, in a day
	Usage               x509.ExtKeyUsage
	// Staple is what the authority says of it: one of the statuses of package
	// ocsp; nil staples nothing. StapleEnds is until when; default in an hour.
	Staple     *int
	StapleEnds time.Time
	// MustStaple adds the extension of RFC 7633.
	MustStaple bool
}

// Config returns a server's TLS configuration with such a certificate.
func (a *Authority) Config(l Leaf) *tls.Config {
	a.t.Helper()
	if l.NotBefore.IsZero() {
		l.NotBefore = time.Now().Add(-time.Hour)
	}
	if l.NotAfter.IsZero() {
		l.NotAfter = time.Now().Add(24 * time.Hour)
	}
	if l.Usage == x509.ExtKeyUsageAny {
		l.Usage = x509.ExtKeyUsageServerAuth
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "softswitch"},
		NotBefore: l.NotBefore, NotAfter: l.NotAfter, DNSNames: l.DNS,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{l.Usage},
	}
	for _, s := range l.URI {
		u, err := url.Parse(s)
		if err != nil {
			a.t.Fatal(err)
		}
		tmpl.URIs = append(tmpl.URIs, u)
	}
	if l.MustStaple {
		tmpl.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}}}
	}
	key := newKey(a.t)
	cert := sign(a.t, tmpl, a.cert, key, a.key)
	out := tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
	if l.Staple != nil {
		out.Certificate = append(out.Certificate, a.cert.Raw)
		out.OCSPStaple = a.staple(l, cert)
	}
	return &tls.Config{Certificates: []tls.Certificate{out}}
}

func (a *Authority) staple(l Leaf, cert *x509.Certificate) []byte {
	a.t.Helper()
	if l.StapleEnds.IsZero() {
		l.StapleEnds = time.Now().Add(time.Hour)
	}
	der, err := ocsp.CreateResponse(a.cert, a.cert, ocsp.Response{
		Status: *l.Staple, SerialNumber: cert.SerialNumber, ThisUpdate: l.StapleEnds.Add(-2 * time.Hour), NextUpdate: l.StapleEnds, RevokedAt: time.Now().Add(-48 * time.Hour),
	}, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, tmpl, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
