package certlint

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strconv"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// source is what was read from one place, before it is judged.
type source struct {
	name   string
	path   string // of a file; "" for a listener
	seen   *seen
	certs  []loaded
	keys   []crypto.Signer
	report Report
}

// loaded is one certificate: octets, and what they mean if they mean anything.
type loaded struct {
	der  []byte
	line int
	cert *x509.Certificate // nil when it cannot be parsed
	exam *examined
}

// Rules of loading.
const (
	ruleFile  = "file"
	rulePEM   = "pem"
	ruleDER   = "der"
	ruleParse = "parse"
	ruleKey   = "key"
	ruleP12   = "pkcs12"
)

// load sorts the content of a file by its form.
func (s *source) load(content []byte, password string) {
	switch {
	case len(bytes.TrimSpace(content)) == 0:
		s.report.add(0, Bad, ruleFile, "the file is empty")
	case bytes.Contains(content, []byte("-----BEGIN")) || bytes.Contains(content, []byte("-----END")):
		s.loadPEM(content)
	case content[0] != tagSequence:
		s.report.add(0, Bad, ruleFile, "neither PEM nor DER: it begins with octet 0x%02x", content[0])
	default:
		s.loadDER(content, password)
	}
}

// loadDER tells certificate, PKCS#12 and key apart by the first element inside:
// only a certificate begins with a SEQUENCE.
func (s *source) loadDER(content []byte, password string) {
	w := &walker{der: content}
	top := &scope{w: w, end: len(content)}
	first := w.inside(top.next("file")).next("first element")
	if w.err != nil || first.tag != tagInteger {
		s.addCert(content, 0)
		return
	}
	if v := w.value(first); len(v) == 1 && v[0] == 3 {
		s.loadPKCS12(content, password)
		return
	}
	s.addKey("PRIVATE KEY", content, 0)
}

func (s *source) loadPEM(content []byte) {
	if bytes.HasPrefix(content, []byte("\xef\xbb\xbf")) {
		s.report.add(0, Warn, rulePEM, "the file begins with a byte order mark, which some programs do not skip")
	}
	blocks, faults := readPEM(content)
	for _, f := range faults {
		s.report.Findings = append(s.report.Findings, Finding{Severity: Bad, Rule: rulePEM, Line: f.line, Text: f.text})
	}
	for _, b := range blocks {
		s.addBlock(b)
	}
	if len(blocks) == 0 && len(faults) == 0 {
		s.report.add(0, Bad, rulePEM, "no whole block")
	}
}

func (s *source) addBlock(b pemBlock) {
	switch b.kind {
	case "CERTIFICATE", "X509 CERTIFICATE":
		s.addCert(b.octets, b.line)
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
		if b.encrypted || b.kind == "ENCRYPTED PRIVATE KEY" {
			s.report.add(0, Warn, ruleKey, "the key in line %d is encrypted: it was not compared with the certificate", b.line)
			return
		}
		s.addKey(b.kind, b.octets, b.line)
	case "EC PARAMETERS", "DH PARAMETERS", "PUBLIC KEY":
	default:
		s.report.add(0, Note, rulePEM, "the block %s in line %d was left aside", quoted(b.kind), b.line)
	}
}

func (s *source) addCert(der []byte, line int) {
	e := s.seen.of(der)
	e.parse()
	s.certs = append(s.certs, loaded{der: der, line: line, exam: e})
	n, w := len(s.certs), e.walk
	for _, f := range w.notes {
		f.Certificate = n
		s.report.Findings = append(s.report.Findings, f)
	}
	if w.err != nil {
		at := w.err.Offset
		s.report.Findings = append(s.report.Findings, Finding{
			Severity: Bad, Rule: ruleDER, Certificate: n, Line: line, Offset: &at, Field: w.err.Field, Text: w.err.Problem,
		})
	}
	if e.fault != nil {
		if w.err == nil {
			s.report.Findings = append(s.report.Findings, Finding{
				Severity: Bad, Rule: ruleParse, Certificate: n, Line: line, Text: "Go's parser refuses it: " + clean(e.fault.Error()),
			})
		}
		return
	}
	s.certs[n-1].cert = e.cert
	s.report.Certificates = append(s.report.Certificates, e.said)
}

// parsed returns the certificates that could be parsed.
func (s *source) parsed() []*x509.Certificate {
	var out []*x509.Certificate
	for _, c := range s.certs {
		if c.cert != nil {
			out = append(out, c.cert)
		}
	}
	return out
}

func (s *source) addKey(kind string, der []byte, line int) {
	key, err := parseKey(kind, der)
	if err != nil {
		s.report.Findings = append(s.report.Findings, Finding{Severity: Bad, Rule: ruleKey, Line: line, Text: "the private key cannot be read: " + clean(err.Error())})
		return
	}
	s.keys = append(s.keys, key)
	s.report.Keys++
}

var errKeyKind = errors.New("a kind of key that TLS does not use")

func parseKey(kind string, der []byte) (crypto.Signer, error) {
	var key any
	var err error
	switch kind {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(der)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(der)
	default:
		if key, err = x509.ParsePKCS8PrivateKey(der); err == nil {
			break
		}
		if k, e := x509.ParsePKCS1PrivateKey(der); e == nil {
			key, err = k, nil
		} else if k, e := x509.ParseECPrivateKey(der); e == nil {
			key, err = k, nil
		}
	}
	if err != nil {
		return nil, err
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, errKeyKind
}

// loadPKCS12 takes the certificates and keys out as they lie, so that a
// malformed certificate in it is pinpointed too.
func (s *source) loadPKCS12(content []byte, password string) {
	//lint:ignore SA1019 the newer functions parse the certificates themselves and so hide where one is malformed
	blocks, err := pkcs12.ToPEM(content, password)
	if err != nil && password == "" {
		s.report.add(0, Bad, ruleP12, "it cannot be opened without a password: %s; give --password-file", clean(err.Error()))
		return
	}
	if err != nil {
		s.report.add(0, Bad, ruleP12, "it cannot be opened: %s", clean(err.Error()))
		return
	}
	certificates, keys := leafFirst(blocks)
	for _, b := range certificates {
		s.addCert(b.Bytes, 0)
	}
	for _, b := range keys {
		s.addKey(b.Type, b.Bytes, 0)
	}
	if len(certificates) == 0 {
		s.report.add(0, Bad, ruleP12, "it holds no certificate")
	}
}

// leafFirst sorts the certificates of a PKCS#12, whose order means nothing: the
// one that has the key's identifier goes first.
func leafFirst(blocks []*pem.Block) (certificates, keys []*pem.Block) {
	const id = "localKeyId"
	for _, b := range blocks {
		switch {
		case b.Type != "CERTIFICATE":
			keys = append(keys, b)
		case b.Headers[id] != "":
			certificates = append([]*pem.Block{b}, certificates...)
		default:
			certificates = append(certificates, b)
		}
	}
	return certificates, keys
}

func itoa(n int) string { return strconv.Itoa(n) }
