package certlint

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// judge finds all that is wrong with what a source holds.
func (c *Checker) judge(s *source, known *knowledge) {
	certs := s.parsed()
	for n, l := range s.certs {
		if l.cert == nil {
			continue
		}
		c.dates(s, n+1, l.cert)
		if sev, text := judgeKey(l.cert.PublicKey); text != "" {
			s.report.add(n+1, sev, "key-weak", "%s", text)
		}
		for _, f := range l.exam.zlint(c.zlints) {
			f.Certificate = n + 1
			s.report.Findings = append(s.report.Findings, f)
		}
		leaf := n == 0
		for _, rule := range lints {
			if rule.leaf && !leaf {
				continue
			}
			if text := rule.check(l.cert); text != "" {
				s.report.add(n+1, rule.severity, rule.rule, "%s", text)
			}
		}
	}
	for _, k := range s.keys {
		if sev, text := judgeKey(k.Public()); text != "" && len(certs) == 0 {
			s.report.add(0, sev, "key-weak", "%s", text)
		}
	}
	if len(s.certs) == 0 || s.certs[0].cert == nil {
		return
	}
	c.names(s, s.certs[0].cert)
	c.order(s, known)
	c.trust(s)
}

// dates judges when a certificate is valid (RFC 5280 §4.1.2.5).
func (c *Checker) dates(s *source, n int, cert *x509.Certificate) {
	now := c.cfg.Now
	switch {
	case now.After(cert.NotAfter):
		s.report.add(n, Bad, "expired", "it expired on %s (%s ago)", day(cert.NotAfter), Span(now.Sub(cert.NotAfter)))
	case now.Before(cert.NotBefore):
		s.report.add(n, Bad, "not-yet-valid", "it is not valid before %s (in %s)", day(cert.NotBefore), Span(cert.NotBefore.Sub(now)))
	case cert.NotAfter.Sub(now) < c.cfg.Horizon:
		s.report.add(n, Warn, "expires-soon", "it expires on %s, in %s", day(cert.NotAfter), Span(cert.NotAfter.Sub(now)))
	}
}

// Span writes a duration as people say it.
func Span(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	}
	return d.Round(time.Minute).String()
}

// names judges whether the leaf is for the domains that were asked for.
func (c *Checker) names(s *source, leaf *x509.Certificate) {
	for _, d := range c.cfg.Domains {
		switch m := Matches(leaf, d); {
		case m == FullMatch || m == WildcardMatch && c.cfg.AllowWildcards:
		case m == WildcardMatch:
			s.report.add(1, Bad, "name", "it is for %s; wildcards do not count for %s (RFC 5922 section 7.2)", list(Identities(leaf)), quoted(d))
		case len(Identities(leaf)) == 0:
			s.report.add(1, Bad, "name", "it names no SIP domain in subjectAltName; %s expected", quoted(d))
		default:
			s.report.add(1, Bad, "name", "it is for %s, not for %s", list(Identities(leaf)), quoted(d))
		}
	}
}

// order judges whether each certificate of a source is signed by the next, as
// TLS wants them sent (RFC 5246 §7.4.2). A list of authorities has no order.
func (c *Checker) order(s *source, known *knowledge) {
	certs := s.parsed()
	if certs[0].IsCA && selfSigned(certs[0]) {
		return
	}
	for i, cert := range certs {
		if selfSigned(cert) {
			if err := s.seen.of(cert.Raw).ownSignatureOf(cert); err != nil && signatureBroken(err) {
				s.report.add(i+1, Bad, "signature", "its own signature does not fit: %s was altered after it was signed", subject(cert))
			}
			continue
		}
		switch {
		case i+1 < len(certs) && bytes.Equal(cert.RawIssuer, certs[i+1].RawSubject):
			c.signed(s, i+1, cert, certs[i+1])
		case i+1 < len(certs):
			s.report.add(i+1, Warn, "order", "it is signed by %s, but %s comes next; clients that build no chain themselves fail", issuer(cert), subject(certs[i+1]))
		default:
			c.last(s, i+1, cert, known)
		}
	}
}

// last judges the last certificate of a chain, whose issuer may be elsewhere.
func (c *Checker) last(s *source, n int, cert *x509.Certificate, known *knowledge) {
	var fault error
	candidates := known.authorities[string(cert.RawIssuer)]
	for _, a := range candidates {
		err := cert.CheckSignatureFrom(a)
		if err == nil {
			if !selfSigned(a) && c.cfg.Roots == nil {
				s.report.add(n, Note, "chain", "the intermediate %s is not in the same file; clients need it", subject(a))
			}
			return
		}
		fault = err
	}
	// An authority may have several keys under one name: only the one that the
	// certificate names itself is proof.
	if fault != nil && len(candidates) == 1 && (len(cert.AuthorityKeyId) == 0 || bytes.Equal(cert.AuthorityKeyId, candidates[0].SubjectKeyId)) {
		s.report.add(n, Bad, "signature", "it does not fit the authority %s that it names: %s", issuer(cert), clean(fault.Error()))
		return
	}
	if c.cfg.Roots == nil {
		s.report.add(n, Note, "chain", "its issuer %s was not at hand: the signature was not checked (--roots FILE)", issuer(cert))
	}
}

func (c *Checker) signed(s *source, n int, cert, by *x509.Certificate) {
	if err := cert.CheckSignatureFrom(by); err != nil {
		s.report.add(n, Bad, "signature", "it is not signed by %s, which comes next: %s", subject(by), clean(err.Error()))
	}
}

// signatureBroken reports that a signature was checked and does not fit, as
// opposed to an algorithm that is refused.
func signatureBroken(err error) bool {
	var insecure x509.InsecureAlgorithmError
	return !errors.As(err, &insecure) && !errors.Is(err, x509.ErrUnsupportedAlgorithm)
}

// trust judges whether the leaf leads to one of the roots, if roots were given.
// The leaf's own dates are judged apart.
func (c *Checker) trust(s *source) {
	if c.cfg.Roots == nil {
		return
	}
	certs := s.parsed()
	between := x509.NewCertPool()
	for _, cert := range certs[1:] {
		between.AddCert(cert)
	}
	at := c.cfg.Now
	if at.After(certs[0].NotAfter) {
		at = certs[0].NotAfter
	}
	if at.Before(certs[0].NotBefore) {
		at = certs[0].NotBefore
	}
	_, err := certs[0].Verify(x509.VerifyOptions{Roots: c.cfg.Roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		s.report.add(1, Bad, "chain", "it does not lead to a trusted root: %s", clean(err.Error()))
	}
}

func issuer(c *x509.Certificate) string {
	if c.Issuer.CommonName != "" {
		return quoted(c.Issuer.CommonName)
	}
	return quoted(c.Issuer.String())
}
