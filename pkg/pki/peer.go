package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Peer is who is at the other end of a connection.
type Peer struct {
	// Agent is its name.
	Agent string
	// Issued and Until are when its certificate was made and when it ends.
	Issued, Until time.Time
}

// peerAs describes the holder of a certificate.
func peerAs(agent string, c *x509.Certificate) Peer {
	p := Peer{Agent: agent, Issued: c.NotBefore, Until: c.NotAfter}
	if c.NotAfter.Sub(c.NotBefore) == IdentityLife+clockSkew { // ours: dated back
		p.Issued = c.NotBefore.Add(clockSkew)
	}
	return p
}

var (
	// ErrStranger is returned for a certificate that is no identity of this
	// fleet.
	ErrStranger = errors.New("not an identity of this fleet")
	// ErrRevoked is returned for an identity that was taken back.
	ErrRevoked = errors.New("identity was revoked")
)

// peerOf checks a certificate chain and says who it is.
func (a *Authority) peerOf(chain []*x509.Certificate, now time.Time, usage x509.ExtKeyUsage) (Peer, error) {
	if len(chain) == 0 {
		return Peer{}, fmt.Errorf("%w: no certificate", ErrStranger)
	}
	leaf := chain[0]
	_, err := leaf.Verify(x509.VerifyOptions{Roots: a.pool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
	if err != nil {
		return Peer{}, fmt.Errorf("%w: %w", ErrStranger, err)
	}
	agent, err := agentOf(leaf)
	if err != nil {
		return Peer{}, err
	}
	return peerAs(agent, leaf), nil
}

// agentOf reads the one name of an identity.
func agentOf(c *x509.Certificate) (string, error) {
	if len(c.URIs) != 1 || c.URIs[0].Scheme != scheme {
		return "", fmt.Errorf("%w: the certificate names no agent", ErrStranger)
	}
	name, ok := strings.CutPrefix(c.URIs[0].Opaque, kindAgent)
	if !ok || name == "" {
		return "", fmt.Errorf("%w: the certificate is of another kind", ErrStranger)
	}
	return name, nil
}
