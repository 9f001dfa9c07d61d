package certlint

import "fmt"

// extensionNames are those of RFC 5280 §4.2 and what public authorities add.
var extensionNames = map[string]string{
	"2.5.29.9": "subjectDirectoryAttributes", "2.5.29.14": "subjectKeyIdentifier", "2.5.29.15": "keyUsage", "2.5.29.16": "privateKeyUsagePeriod",
	"2.5.29.17": "subjectAltName", "2.5.29.18": "issuerAltName", "2.5.29.19": "basicConstraints", "2.5.29.30": "nameConstraints",
	"2.5.29.31": "cRLDistributionPoints", "2.5.29.32": "certificatePolicies", "2.5.29.33": "policyMappings", "2.5.29.35": "authorityKeyIdentifier",
	"2.5.29.36": "policyConstraints", "2.5.29.37": "extKeyUsage", "2.5.29.46": "freshestCRL", "2.5.29.54": "inhibitAnyPolicy",
	"1.3.6.1.5.5.7.1.1": "authorityInfoAccess", "1.3.6.1.5.5.7.1.11": "subjectInfoAccess", "1.3.6.1.5.5.7.1.24": "tlsFeature",
	"1.3.6.1.4.1.11129.2.4.2": "signedCertificateTimestamps",
}

// extensions reads all of them (RFC 5280 §4.2). None may stand twice.
func (s *scope) extensions() {
	outer := s.open("extensions", contextual|constructed|3)
	list := outer.open("list", tagSequence)
	list.field = outer.field
	if !list.more() {
		s.w.fail(list.at, outer.field, "an empty list of extensions")
	}
	seen := map[string]bool{}
	for i := 0; list.more(); i++ {
		start := list.at
		ext := list.open(fmt.Sprintf("[%d]", i), tagSequence)
		id := ext.oid("extnID")
		name := extensionNames[id]
		if name == "" {
			name = id
		}
		ext.field = list.field + "." + name
		if seen[id] {
			s.w.fail(start, ext.field, "stands twice (RFC 5280 section 4.2)")
		}
		seen[id] = true
		if ext.is(tagBoolean) {
			ext.boolean("critical")
		}
		ext.value(id)
		ext.close()
	}
	outer.close()
}

// value reads what is inside extnValue, where the form is known.
func (s *scope) value(id string) {
	e := s.expect("extnValue", tagOctets)
	in := s.w.inside(e)
	in.field = s.field
	switch id {
	case "2.5.29.17", "2.5.29.18":
		in.generalNames("names", tagSequence)
	case "2.5.29.15":
		in.bitString("bits")
	case "2.5.29.14":
		in.expect("keyIdentifier", tagOctets)
	case "2.5.29.19":
		in.basicConstraints()
	case "2.5.29.37":
		in.oids("purposes")
	case "2.5.29.35":
		in.authorityKey()
	case "2.5.29.30", "2.5.29.31", "2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.46", "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.1.11", "1.3.6.1.5.5.7.1.24":
		in.any("value", 0)
	default:
		return // of a form of its own
	}
	in.close()
}

func (s *scope) basicConstraints() {
	in := s.open("constraints", tagSequence)
	if in.is(tagBoolean) {
		in.boolean("cA")
	}
	if in.more() {
		in.integer("pathLenConstraint")
	}
	in.close()
}

func (s *scope) oids(field string) {
	list := s.open(field, tagSequence)
	if !list.more() {
		s.w.fail(list.at, list.field, "an empty list")
	}
	for i := 0; list.more(); i++ {
		list.oid(fmt.Sprintf("[%d]", i))
	}
}

// authorityKey reads an AuthorityKeyIdentifier (RFC 5280 §4.2.1.1).
func (s *scope) authorityKey() {
	in := s.open("identifier", tagSequence)
	if in.is(contextual) {
		in.next("keyIdentifier")
	}
	if in.is(contextual | constructed | 1) {
		in.generalNames("authorityCertIssuer", contextual|constructed|1)
	}
	if in.is(contextual | 2) {
		in.next("authorityCertSerialNumber")
	}
	in.close()
}

// generalNames reads a list of names (RFC 5280 §4.2.1.6).
func (s *scope) generalNames(field string, tag byte) {
	list := s.open(field, tag)
	if !list.more() {
		s.w.fail(list.at, list.field, "an empty list of names")
	}
	for i := 0; list.more(); i++ {
		e := list.next(fmt.Sprintf("[%d]", i))
		if e.incomplete {
			return
		}
		n := e.end - e.at
		switch e.tag {
		case contextual | 1, contextual | 2, contextual | 6: // mailbox, DNS name, URI
			e.tag = tagIA5
			s.w.text(e)
			if n == 0 {
				s.w.fail(e.at, e.field, "an empty name")
			}
		case contextual | 7: // address
			if n != 4 && n != 16 {
				s.w.fail(e.at, e.field, "an IP address of %d octets", n)
			}
		case contextual | 8: // registered identifier, implicitly tagged
		case contextual | constructed, contextual | constructed | 3, contextual | constructed | 4, contextual | constructed | 5:
			in := s.w.inside(e)
			for j := 0; in.more(); j++ {
				in.any(fmt.Sprintf("[%d]", j), 0)
			}
		default:
			s.w.fail(e.start, e.field, "tag 0x%02x is no kind of name", e.tag)
		}
	}
}
