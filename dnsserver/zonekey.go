package dnsserver

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// zoneKey is a key that signs, with both halves.
type zoneKey struct {
	srv.SigningKey
	tag     uint16
	private *ecdsa.PrivateKey
}

// NewSigningKey makes a key to sign zones with. Private is to be sealed at
// once; Config.Unseal gives it back.
func NewSigningKey() (public string, private []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", nil, fmt.Errorf("make signing key: %w", err)
	}
	if private, err = key.Bytes(); err != nil {
		return "", nil, fmt.Errorf("encode signing key: %w", err)
	}
	public, err = publicOf(key)
	return public, private, err
}

// publicOf returns the public half as RFC 6605 §4 writes it.
func publicOf(key *ecdsa.PrivateKey) (string, error) {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return "", fmt.Errorf("encode signing key: %w", err)
	}
	return string(point[1:]), nil // the first octet says that it is not compressed
}

// errNoUnseal is why a server without a sealing key cannot sign.
var errNoUnseal = errors.New("this server has no sealing key to open the private half with")

// openKey opens the private half of a key.
func openKey(k srv.SigningKey, unseal func(string) ([]byte, error)) (zoneKey, error) {
	if unseal == nil {
		return zoneKey{}, errNoUnseal
	}
	raw, err := unseal(k.Sealed)
	if err != nil {
		return zoneKey{}, err
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return zoneKey{}, fmt.Errorf("decode private half: %w", err)
	}
	if public, err := publicOf(private); err != nil || public != k.Public {
		return zoneKey{}, errors.New("the private half belongs to another key")
	}
	return zoneKey{SigningKey: k, tag: k.Tag(), private: private}, nil
}

// Sign implements crypto.Signer for a digest. It takes no random numbers
// (RFC 6979), so that every server makes the same signature.
func (k zoneKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.private.Sign(nil, digest, opts)
}

// Public implements crypto.Signer.
func (k zoneKey) Public() crypto.PublicKey { return k.private.Public() }

// openKeys opens the keys of a zone. Those that the zone before had are open
// already.
func openKeys(z *srv.Zone, old *zone, unseal func(string) ([]byte, error)) ([]zoneKey, error) {
	var out []zoneKey
	for _, k := range z.Keys {
		if known := old.key(k); known != nil {
			known := *known
			known.SigningKey = k
			out = append(out, known)
			continue
		}
		key, err := openKey(k, unseal)
		if err != nil {
			return nil, fmt.Errorf("open signing key %d of %s: %w", k.Tag(), z.Origin, err)
		}
		out = append(out, key)
	}
	return out, nil
}

// key returns an open key of a zone that may be nil.
func (z *zone) key(k srv.SigningKey) *zoneKey {
	if z == nil || z.signing == nil {
		return nil
	}
	for i := range z.signing.keys {
		if x := &z.signing.keys[i]; x.SigningKey.Public == k.Public && x.Sealed == k.Sealed {
			return x
		}
	}
	return nil
}
