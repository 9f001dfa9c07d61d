package certlint

import (
	"crypto"
	"crypto/x509"
	"path/filepath"
	"regexp"
	"strings"
)

// pairing is the private key that a source's leaf is used with.
type pairing struct {
	key    crypto.Signer // nil when none belongs to the leaf
	from   *source       // where the key, or one that should belong, was found
	wanted bool          // there is a key that should belong

	tryGo, tryOpenSSL bool
}

// pair finds for each source the key of its leaf: in the same file, or in the
// file beside it whose name says so (a.pem and a.key, fullchain.pem and
// privkey.pem).
func pair(sources []*source) []pairing {
	byStem := map[string]*source{}
	for _, s := range sources {
		if s.path != "" && len(s.keys) > 0 && len(s.certs) == 0 {
			byStem[stem(s.path)] = s
		}
	}
	out := make([]pairing, len(sources))
	for i, s := range sources {
		if len(s.certs) == 0 {
			continue
		}
		holder := s
		if len(s.keys) == 0 && s.path != "" && !onlyAuthorities(s) {
			holder = byStem[stem(s.path)]
		}
		if holder == nil || len(holder.keys) == 0 {
			continue
		}
		out[i] = pairing{from: holder, wanted: true}
		for _, k := range holder.keys {
			if s.certs[0].cert != nil && belongs(k, s.certs[0].cert.PublicKey) {
				out[i].key = k
			}
		}
	}
	return out
}

// onlyAuthorities reports whether a source is a chain without a leaf, such as
// chain.pem.
func onlyAuthorities(s *source) bool {
	for _, c := range s.certs {
		if c.cert == nil || !c.cert.IsCA || selfSigned(c.cert) {
			return false
		}
	}
	return true
}

// plan says which pairs are tried with what, and counts them.
func (c *Checker) plan(pairs []pairing) int {
	n := 0
	for i := range pairs {
		if pairs[i].key == nil {
			continue
		}
		n++
		switch c.cfg.Trial {
		case TrialAll:
			pairs[i].tryGo, pairs[i].tryOpenSSL = true, true
		case TrialGo:
			pairs[i].tryGo = true
		case TrialAuto:
			pairs[i].tryGo, pairs[i].tryOpenSSL = n <= AutoGo, n <= AutoOpenSSL && c.cfg.OpenSSL != ""
		}
	}
	return n
}

// role matches the part of a file's name that says what it holds.
var role = regexp.MustCompile(`(^|[-._])(fullchain|privkey|private|priv|certificate|cert|crt|key|chain|bundle|pem)([0-9]*)$`)

// stem is what the files of one certificate have in common: "/d/a" for a.pem,
// a.key, a-key.pem; "/d/" for fullchain.pem and privkey.pem.
func stem(path string) string {
	dir, base := filepath.Split(path)
	base = strings.ToLower(base)
	base = strings.TrimSuffix(base, filepath.Ext(base))
	for {
		shorter := role.ReplaceAllString(base, "$3")
		if shorter == base {
			return dir + base
		}
		base = shorter
	}
}

// match judges whether the key fits the leaf.
func (c *Checker) match(s *source, p pairing) {
	if !p.wanted || p.key != nil || s.certs[0].cert == nil {
		return
	}
	where := "the private key in the same file"
	if p.from != s {
		where = "the private key in " + clean(filepath.Base(p.from.name))
	}
	for n, other := range s.parsed() {
		for _, k := range p.from.keys {
			if n > 0 && belongs(k, other.PublicKey) {
				s.report.add(1, Bad, "key-match", "%s belongs to the certificate of %s, which must come first", where, subject(other))
				return
			}
		}
	}
	s.report.add(1, Bad, "key-match", "%s (%s) does not belong to this certificate (%s)", where, keyName(p.from.keys[0].Public()), keyName(s.certs[0].cert.PublicKey))
}

// leaf returns the first certificate, or nil.
func (s *source) leaf() *x509.Certificate {
	if len(s.certs) == 0 {
		return nil
	}
	return s.certs[0].cert
}
