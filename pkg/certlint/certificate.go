package certlint

import (
	"bytes"
	"fmt"
)

// CheckDER reads a certificate octet by octet, strictly, and returns the first
// place at which it is not what RFC 5280 §4.1 and DER say, or nil.
func CheckDER(der []byte) *Malformed {
	w := walkDER(der)
	return w.err
}

func walkDER(der []byte) *walker {
	w := &walker{der: der}
	top := &scope{w: w, end: len(der)}
	cert := top.open("certificate", tagSequence)
	if top.more() {
		w.fail(top.at, "certificate", "%d octets after the end of the certificate", top.end-top.at)
	}
	cert.field = "" // every field is inside it
	tbs := cert.open("tbsCertificate", tagSequence)
	inner := tbs.body()
	outer := cert.algorithm("signatureAlgorithm")
	if w.err == nil && !bytes.Equal(inner, outer) {
		w.fail(cert.at, "signatureAlgorithm", "differs from tbsCertificate.signature (RFC 5280 section 4.1.1.2)")
	}
	cert.bitString("signatureValue")
	cert.field = "certificate"
	cert.close()
	return w
}

// body reads the to-be-signed part (RFC 5280 §4.1.2) and returns the octets of
// its signature algorithm.
func (s *scope) body() []byte {
	version := byte(0)
	if s.is(contextual | constructed) {
		v := s.open("version", contextual|constructed)
		if n := v.integer("number"); len(n) == 1 {
			version = n[0]
		}
		v.close()
		if version > 2 {
			s.w.fail(v.end-1, v.field, "version %d; there are 1 to 3", int(version)+1)
		}
	}
	s.integer("serialNumber")
	algorithm := s.algorithm("signature")
	s.name("issuer")
	validity := s.open("validity", tagSequence)
	validity.date("notBefore")
	validity.date("notAfter")
	validity.close()
	s.name("subject")
	key := s.open("subjectPublicKeyInfo", tagSequence)
	key.algorithm("algorithm")
	key.bitString("subjectPublicKey")
	key.close()
	for _, id := range []struct {
		tag   byte
		field string
	}{{contextual | 1, "issuerUniqueID"}, {contextual | 2, "subjectUniqueID"}} {
		if s.is(id.tag) {
			s.w.bits(s.next(id.field))
		}
	}
	if s.is(contextual | constructed | 3) {
		if version != 2 {
			s.w.fail(s.at, s.field+".extensions", "extensions in a certificate of version %d; only version 3 has them", int(version)+1)
		}
		s.extensions()
	}
	s.close()
	return algorithm
}

// algorithm reads an AlgorithmIdentifier and returns its octets.
func (s *scope) algorithm(field string) []byte {
	start := s.at
	a := s.open(field, tagSequence)
	a.oid("algorithm")
	if a.more() {
		a.any("parameters", 0)
	}
	a.close()
	if s.w.err != nil {
		return nil
	}
	return s.w.der[start:a.end]
}

// name reads a distinguished name (RFC 5280 §4.1.2.4).
func (s *scope) name(field string) {
	rdns := s.open(field, tagSequence)
	for i := 0; rdns.more(); i++ {
		set := rdns.open(fmt.Sprintf("rdn[%d]", i), tagSet)
		for set.more() {
			attribute := set.open("attribute", tagSequence)
			attribute.oid("type")
			attribute.any("value", 0)
			attribute.close()
		}
	}
}

// maxDepth bounds nesting in what the certificate may hold freely.
const maxDepth = 16

// any reads one element of any form, to the bottom.
func (s *scope) any(field string, depth int) {
	e := s.next(field)
	switch {
	case e.incomplete:
	case depth > maxDepth:
		s.w.fail(e.start, e.field, "nested deeper than %d", maxDepth)
	case e.tag&constructed != 0:
		in := s.w.inside(e)
		for i := 0; in.more(); i++ {
			in.any(fmt.Sprintf("[%d]", i), depth+1)
		}
	default:
		s.w.primitive(e)
	}
}

// primitive checks a value of a universal type by the rules of its type.
func (w *walker) primitive(e element) {
	again := &scope{w: w, at: e.start, end: e.end}
	switch e.tag {
	case tagBoolean:
		again.boolean(e.field)
	case tagInteger:
		again.integer(e.field)
	case tagOID:
		again.oid(e.field)
	case tagBitString:
		w.bits(e)
	case tagNull:
		if e.end != e.at {
			w.fail(e.at, e.field, "a NULL that holds octets")
		}
	default:
		w.text(e)
	}
}
