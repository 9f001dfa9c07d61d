package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Identity is one agent's: its key, its certificate and the authority it
// believes. The certificate may be replaced while it is in use.
type Identity struct {
	dir       string
	authority *Authority
	key       crypto.Signer

	mu sync.Mutex
	// guarded by mu:
	leaf *x509.Certificate
}

// Load reads the identity in a directory. It fails with ErrNoIdentity when there
// is none, and with ErrWide when a key may be read by others.
func Load(dir string) (*Identity, error) {
	authority, err := LoadAuthority(dir)
	if err != nil {
		return nil, err
	}
	key, err := readKey(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, err
	}
	leaf, err := readCert(filepath.Join(dir, certFile))
	if err != nil {
		return nil, err
	}
	if !samePublic(leaf, key.Public()) {
		return nil, fmt.Errorf("load identity: %s is not the key of %s", filepath.Join(dir, keyFile), filepath.Join(dir, certFile))
	}
	if _, err := agentOf(leaf); err != nil {
		return nil, fmt.Errorf("load identity: %s: %w", filepath.Join(dir, certFile), err)
	}
	return &Identity{dir: dir, authority: authority, key: key, leaf: leaf}, nil
}

// Create writes a new identity that the authority has issued into a directory,
// with the authority.
func Create(dir string, authority *Authority, key crypto.Signer, leaf []byte) (*Identity, error) {
	c, err := x509.ParseCertificate(leaf)
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	if !samePublic(c, key.Public()) {
		return nil, errors.New("create identity: the certificate is for another key")
	}
	if err := authority.Save(dir); err != nil {
		return nil, err
	}
	if err := writeKey(filepath.Join(dir, keyFile), key); err != nil {
		return nil, err
	}
	if err := writePEM(filepath.Join(dir, certFile), 0o644, "CERTIFICATE", leaf); err != nil {
		return nil, err
	}
	return Load(dir)
}

// Found makes the identity of an agent whose machine holds the authority's key.
func Found(dir string, authority *Authority, agent string, hosts []string, now time.Time) (*Identity, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	request, err := Request(agent, key)
	if err != nil {
		return nil, err
	}
	leaf, err := authority.Issue(request, agent, hosts, now)
	if err != nil {
		return nil, err
	}
	return Create(dir, authority, key, leaf.Raw)
}

// Exists reports whether a directory holds an identity, whole or not.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, certFile))
	return err == nil
}

// Authority returns the one that this identity believes.
func (i *Identity) Authority() *Authority { return i.authority }

// Self returns who this is.
func (i *Identity) Self() Peer {
	leaf := i.current()
	agent, _ := agentOf(leaf) // Load has checked it
	return peerAs(agent, leaf)
}

func (i *Identity) current() *x509.Certificate {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.leaf
}

// Due reports whether it is time for a new certificate: two thirds of its life
// have gone.
func (i *Identity) Due(now time.Time) bool {
	leaf := i.current()
	return leaf.NotAfter.Sub(now) < leaf.NotAfter.Sub(leaf.NotBefore)/3
}

// Request asks for the next certificate, for the same key.
func (i *Identity) Request() ([]byte, error) { return Request(i.Self().Agent, i.key) }

// Replace takes a new certificate into use, and writes it to disk first.
func (i *Identity) Replace(leaf []byte, now time.Time) error {
	c, err := x509.ParseCertificate(leaf)
	if err != nil {
		return fmt.Errorf("read new certificate: %w", err)
	}
	peer, err := i.authority.peerOf([]*x509.Certificate{c}, now, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return fmt.Errorf("check new certificate: %w", err)
	}
	if !samePublic(c, i.key.Public()) || peer.Agent != i.Self().Agent {
		return errors.New("check new certificate: it is another's")
	}
	if err := writePEM(filepath.Join(i.dir, certFile), 0o644, "CERTIFICATE", leaf); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.leaf = c
	return nil
}

// Certificate returns this identity's certificate in DER.
func (i *Identity) Certificate() []byte { return i.current().Raw }

// pair is what TLS presents: the certificate and the authority's, so that a
// joining agent can compare its fingerprint.
func (i *Identity) pair() *tls.Certificate {
	leaf := i.current()
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, i.authority.cert.Raw}, PrivateKey: i.key, Leaf: leaf}
}
