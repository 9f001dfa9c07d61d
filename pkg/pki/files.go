package pki

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// Files of an agent's identity directory. The keys have mode 0600.
const (
	caCertFile = "ca.pem"
	caKeyFile  = "ca.key"
	certFile   = "agent.pem"
	keyFile    = "agent.key"
)

// ErrNoIdentity is returned when a directory holds no identity.
var ErrNoIdentity = errors.New("no identity")

// ErrWide is returned for a key file that others may read.
var ErrWide = errors.New("others may read this key")

// LoadAuthority reads the authority, with its key if that is there.
func LoadAuthority(dir string) (*Authority, error) {
	cert, err := readCert(filepath.Join(dir, caCertFile))
	if err != nil {
		return nil, err
	}
	key, err := readKey(filepath.Join(dir, caKeyFile))
	if errors.Is(err, ErrNoIdentity) {
		return &Authority{cert: cert}, nil
	}
	if err != nil {
		return nil, err
	}
	if !samePublic(cert, key.Public()) {
		return nil, fmt.Errorf("load authority: %s is not the key of %s", filepath.Join(dir, caKeyFile), filepath.Join(dir, caCertFile))
	}
	return &Authority{cert, key}, nil
}

// Save writes the authority, its key first.
func (a *Authority) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if a.key != nil {
		if err := writeKey(filepath.Join(dir, caKeyFile), a.key); err != nil {
			return err
		}
	}
	return writePEM(filepath.Join(dir, caCertFile), 0o644, "CERTIFICATE", a.cert.Raw)
}

// CertPEM returns the authority's certificate for others.
func (a *Authority) CertPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// Export returns certificate and key in DER, to be handed to another agent that
// may sign.
func (a *Authority) Export() (cert, key []byte, err error) {
	if a.key == nil {
		return a.cert.Raw, nil, nil
	}
	key, err = x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode key: %w", err)
	}
	return a.cert.Raw, key, nil
}

// Import is the inverse of Export; key may be nil.
func Import(cert, key []byte) (*Authority, error) {
	c, err := x509.ParseCertificate(cert)
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	a := &Authority{cert: c}
	if key == nil {
		return a, nil
	}
	if a.key, err = parseKey(key); err != nil {
		return nil, err
	}
	if !samePublic(c, a.key.Public()) {
		return nil, errors.New("read authority: the key is another's")
	}
	return a, nil
}

func parseKey(der []byte) (crypto.Signer, error) {
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	signer, ok := k.(crypto.Signer)
	if !ok {
		return nil, errors.New("read key: it cannot sign")
	}
	return signer, nil
}

func samePublic(c *x509.Certificate, key crypto.PublicKey) bool {
	public, ok := key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

func readCert(path string) (*x509.Certificate, error) {
	der, err := readPEM(path, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}

// readKey refuses a file that anyone but its owner may read.
func readKey(path string) (crypto.Signer, error) {
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o; chmod 600 %s", ErrWide, path, info.Mode().Perm(), path)
	}
	der, err := readPEM(path, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	key, err := parseKey(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func readPEM(path, kind string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing", ErrNoIdentity, path)
	}
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("read %s: it holds no %s", path, kind)
	}
	return block.Bytes, nil
}

func writeKey(path string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	return writePEM(path, 0o600, "PRIVATE KEY", der)
}

// writePEM replaces the file only when the new one is on disk.
func writePEM(path string, mode fs.FileMode, kind string, der []byte) error {
	if err := wholefile.ReplaceAs(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	return nil
}
