package certlint

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
)

// examined is what is known of one certificate by itself. An authority stands in as
// many files as it has signed certificates, and is examined once.
type examined struct {
	der []byte

	read  sync.Once
	walk  *walker
	cert  *x509.Certificate // nil when it cannot be parsed
	fault error             // of the parser
	said  Summary

	judged sync.Once
	zlints []Finding

	checked sync.Once
	own     error // of its signature by its own key
}

func (e *examined) parse() {
	e.read.Do(func() {
		e.walk = walkDER(e.der)
		if e.cert, e.fault = x509.ParseCertificate(e.der); e.fault == nil {
			e.said = summarize(e.cert)
		}
	})
}

// zlint returns what zlint finds.
func (e *examined) zlint(lints zlints) []Finding {
	e.judged.Do(func() { e.zlints = lints.judge(e.der) })
	return e.zlints
}

// ownSignatureOf checks the signature of the certificate that this is about, which
// names itself as its issuer.
func (e *examined) ownSignatureOf(cert *x509.Certificate) error {
	e.checked.Do(func() {
		e.own = cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature)
	})
	return e.own
}

// seen finds what is known of a certificate that was met before. The zero value has
// met none; nil forgets at once.
type seen struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]*examined // guarded by mu
}

func (s *seen) of(der []byte) *examined {
	if s == nil {
		return &examined{der: der}
	}
	sum := sha256.Sum256(der)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.all[sum]
	if !ok {
		if s.all == nil {
			s.all = map[[sha256.Size]byte]*examined{}
		}
		e = &examined{der: der}
		s.all[sum] = e
	}
	return e
}
