// Package labpki makes the certificates of a lab: a certificate authority of
// its own, server certificates for SIP domains, and bad ones on purpose. The
// keys are worth nothing outside the lab.
package labpki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// validity of the certificates. A lab's directory may be kept for long.
const validity = 10 * 365 * 24 * time.Hour

// Server says whom a certificate is for.
type Server struct {
	// Name names the files: NAME.pem and NAME.key.
	Name string
	// Domains are SIP domains, and other DNS names (RFC 5922 §7).
	Domains   []string
	Addresses []netip.Addr
}

// PKI is an authority with its servers.
type PKI struct {
	dir     string
	ca      *x509.Certificate
	caPEM   []byte
	caKey   *ecdsa.PrivateKey
	servers map[string]Server
}

// Open uses the authority in dir, or makes one, and makes the certificates of
// the servers that have none yet.
func Open(dir string, servers []Server) (*PKI, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	p := &PKI{dir: dir, servers: map[string]Server{}}
	err := p.loadCA()
	made := errors.Is(err, fs.ErrNotExist)
	if made {
		err = p.makeCA()
	}
	if err != nil {
		return nil, err
	}
	for _, s := range servers {
		p.servers[s.Name] = s
		if _, err := os.Stat(p.path(s.Name + ".pem")); err == nil && !made { // those of an older authority are worth nothing
			continue
		}
		cert, key, err := p.issue(s, time.Now().Add(-time.Hour), time.Now().Add(validity))
		if err != nil {
			return nil, fmt.Errorf("issue certificate of %s: %w", s.Name, err)
		}
		if err := p.save(s.Name, cert, key); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// CAPEM returns the authority's certificate.
func (p *PKI) CAPEM() []byte { return p.caPEM }

// Roots returns a pool that holds only the authority.
func (p *PKI) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.ca)
	return pool
}

// ServerConfig returns a TLS configuration with the server's good certificate.
func (p *PKI) ServerConfig(name string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(p.path(name+".pem"), p.path(name+".key"))
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// ExpiredConfig returns a TLS configuration with a certificate that ended
// yesterday.
func (p *PKI) ExpiredConfig(name string) (*tls.Config, error) {
	cert, key, err := p.issue(p.servers[name], time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour))
	if err != nil {
		return nil, fmt.Errorf("issue expired certificate: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}, MinVersion: tls.VersionTLS12,
	}, nil
}

// ClientConfig returns the configuration of a client that trusts only the
// authority.
func (p *PKI) ClientConfig() *tls.Config {
	return &tls.Config{RootCAs: p.Roots(), MinVersion: tls.VersionTLS12}
}

func (p *PKI) path(file string) string { return filepath.Join(p.dir, file) }

func (p *PKI) loadCA() error {
	pair, err := tls.LoadX509KeyPair(p.path("ca.pem"), p.path("ca.key"))
	if err != nil {
		return fmt.Errorf("load authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("load authority: %s holds no ECDSA key", p.path("ca.key"))
	}
	ca, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return fmt.Errorf("load authority: %w", err)
	}
	p.use(ca, key)
	return nil
}

func (p *PKI) use(ca *x509.Certificate, key *ecdsa.PrivateKey) {
	p.ca, p.caKey = ca, key
	p.caPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})
}

func (p *PKI) makeCA() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "sipsteer lab"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(validity),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("make authority: %w", err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("make authority: %w", err)
	}
	p.use(ca, key)
	return p.save("ca", der, key)
}

func (p *PKI) issue(s Server, from, to time.Time) ([]byte, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: s.Name}, NotBefore: from, NotAfter: to,
		DNSNames: s.Domains, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, a := range s.Addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(a.AsSlice()))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, p.ca, &key.PublicKey, p.caKey)
	return der, key, err
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return big.NewInt(time.Now().UnixNano())
	}
	return n
}

// save writes the key first: a certificate without its key would be used.
func (p *PKI) save(name string, cert []byte, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key of %s: %w", name, err)
	}
	for _, f := range []struct {
		file, kind string
		der        []byte
	}{{name + ".key", "PRIVATE KEY", der}, {name + ".pem", "CERTIFICATE", cert}} {
		if err := os.WriteFile(p.path(f.file), pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			return fmt.Errorf("save %s: %w", f.file, err)
		}
	}
	return nil
}
