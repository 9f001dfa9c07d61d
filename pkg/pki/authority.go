package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

const (
	// authorityLife is how long the authority's certificate lasts. Replacing
	// it means joining every agent again.
	authorityLife = 20 * 365 * 24 * time.Hour
	// IdentityLife is how long an agent's certificate lasts. It is renewed
	// when a third of that is left.
	IdentityLife = 90 * 24 * time.Hour
	// clockSkew is how wrong the clock of a machine may be without a new
	// certificate being refused.
	clockSkew = time.Hour
	scheme    = "sipsteer"
	kindAgent = "agent/"
)

// ErrNoKey is returned when an agent without the authority's key is asked to
// sign: a non-voter, or a fleet that brings its own authority.
var ErrNoKey = errors.New("this agent does not hold the key of the fleet's authority")

// Authority signs identities.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer // nil where it is not held
}

// NewAuthority makes the authority of a new fleet.
func NewAuthority(fleet string, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "sipsteer " + fleet},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	return &Authority{cert, key}, nil
}

// Holds reports whether this is the authority with its key.
func (a *Authority) Holds() bool { return a.key != nil }

// Fingerprint is the SHA-256 of the certificate in hexadecimal.
func (a *Authority) Fingerprint() string { return fingerprint(a.cert) }

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// pool holds only the authority.
func (a *Authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// NewKey makes the key of an identity.
func NewKey() (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return key, nil
}

// Request asks for an identity: the certificate request of an agent for its own
// key.
func Request(agent string, key crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: agent}, URIs: []*url.URL{uri(agent)}}, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	return der, nil
}

// Issue signs an identity for the agent. The request proves that whoever asks
// holds the key; the name is the caller's to decide. hosts are the addresses
// that the agent is reached at, for clients that check those.
func (a *Authority) Issue(request []byte, agent string, hosts []string, now time.Time) (*x509.Certificate, error) {
	if a.key == nil {
		return nil, ErrNoKey
	}
	csr, err := readRequest(request)
	if err != nil {
		return nil, err
	}
	if len(csr.URIs) != 1 || csr.URIs[0].String() != uri(agent).String() {
		return nil, fmt.Errorf("the certificate request is not for agent %q", agent)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: agent}, URIs: []*url.URL{uri(agent)},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(IdentityLife), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if h != "" {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, csr.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign identity: %w", err)
	}
	return x509.ParseCertificate(der)
}

// readRequest reads a certificate request, whose signature proves that whoever made
// it has the key.
func readRequest(request []byte) (*x509.CertificateRequest, error) {
	csr, err := x509.ParseCertificateRequest(request)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, fmt.Errorf("read certificate request: %w", err)
	}
	return csr, nil
}

// Admit checks an identity that somebody else has made for the agent with the
// authority's key: that the authority, which may lack the key here, has signed it,
// that it is this agent's, and by the request that whoever shows it has its key.
func (a *Authority) Admit(leaf, request []byte, agent string, now time.Time) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(leaf)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	csr, err := readRequest(request)
	if err != nil {
		return nil, err
	}
	if !samePublic(c, csr.PublicKey) {
		return nil, errors.New("the certificate is for another key")
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		peer, err := a.peerOf([]*x509.Certificate{c}, now, usage)
		if err != nil {
			return nil, err
		}
		if peer.Agent != agent {
			return nil, fmt.Errorf("the certificate is of agent %q, not of %q", peer.Agent, agent)
		}
	}
	return c, nil
}

func uri(agent string) *url.URL { return &url.URL{Scheme: scheme, Opaque: kindAgent + agent} }

func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	return n, nil
}
