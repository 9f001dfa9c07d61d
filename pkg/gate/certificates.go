package gate

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// CertificateFile is a certificate with its chain and its key, in PEM.
type CertificateFile struct {
	Certificate, Key string
}

// CertificateState is what is known of one CertificateFile.
type CertificateState struct {
	File     string
	Names    []string // DNS names and addresses that it is for
	Kind     string   // "ECDSA P-256", "RSA 2048"
	NotAfter time.Time
	// Problem is why the file as it is now is not used. With a NotAfter the
	// last good one is served instead.
	Problem string
}

// certificates serves the good ones of some certificates, each by the names that
// it is for, and follows the files. A file that becomes bad is named, and the
// last good one is served: a slip in one file must not take phones down.
type certificates struct {
	files    []CertificateFile
	checkKey func(path string) error // may be nil
	every    time.Duration
	log      zerolog.Logger

	served atomic.Pointer[certificateSet]

	mu     sync.Mutex // held for all below
	looked time.Time
	all    []loaded // as files
}

// loaded is one file with what was read of it last.
type loaded struct {
	sum     [sha256.Size]byte // of both files, as last seen
	good    *tls.Certificate  // nil if it never was
	problem string
}

// certificateSet finds a certificate by the name that a phone asks for.
type certificateSet struct {
	byName map[string][]*tls.Certificate
	all    []*tls.Certificate
}

func newCertificates(cfg *Config) *certificates {
	c := &certificates{files: cfg.Certificates, checkKey: cfg.CheckKey, every: cfg.CertificateInterval, log: cfg.Logger, all: make([]loaded, len(cfg.Certificates))}
	c.served.Store(&certificateSet{})
	return c
}

// config is for the TLS listeners; certificates change under it.
func (c *certificates) config(base *tls.Config) *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		cfg = base.Clone()
	}
	cfg.GetCertificate = c.get
	return cfg
}

var errNoCertificate = errors.New("no good certificate")

// get picks by the name that the phone asks for (RFC 6066 §3), then by wildcard,
// and else, for a phone that names nobody, the first one; of several the first
// that the phone can use.
func (c *certificates) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	set := c.served.Load()
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	_, parent, _ := strings.Cut(name, ".")
	for _, all := range [][]*tls.Certificate{set.byName[name], set.byName["*."+parent], set.all} {
		for _, cert := range all {
			if hello.SupportsCertificate(cert) == nil {
				return cert, nil
			}
		}
	}
	if len(set.all) > 0 { // the phone decides what it thinks of it
		return set.all[0], nil
	}
	return nil, errNoCertificate
}

// look reads the files again if it is time to, and those that have changed.
func (c *certificates) look(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.looked) < c.every && !c.looked.IsZero() {
		return
	}
	c.looked = now
	changed := false
	for i := range c.files {
		changed = c.read(i) || changed
	}
	if changed {
		c.publish()
	}
}

// read looks at one pair of files and reports whether they have changed.
func (c *certificates) read(i int) bool {
	f, l := c.files[i], &c.all[i]
	cert, certErr := os.ReadFile(f.Certificate)
	key, keyErr := os.ReadFile(f.Key)
	err := errors.Join(certErr, keyErr)
	h := sha256.New()
	fmt.Fprintf(h, "%d %s %s %v", len(cert), cert, key, err)
	var sum [sha256.Size]byte
	if h.Sum(sum[:0]); sum == l.sum {
		return false
	}
	before := l.problem
	l.sum, l.problem = sum, ""
	var pair tls.Certificate
	if err == nil && c.checkKey != nil {
		err = c.checkKey(f.Key)
	}
	if err == nil {
		pair, err = tls.X509KeyPair(cert, key)
	}
	if err != nil {
		l.problem = clean(err.Error())
		if l.problem != before {
			c.log.Error().Str("file", f.Certificate).Str("reason", l.problem).Bool("older_one_served", l.good != nil).Msg("a certificate cannot be used")
		}
		return true
	}
	l.good = &pair
	c.log.Info().Str("file", f.Certificate).Strs("names", namesOf(pair.Leaf)).Time("until", pair.Leaf.NotAfter).Msg("serving a certificate")
	return true
}

func (c *certificates) publish() {
	set := &certificateSet{byName: map[string][]*tls.Certificate{}}
	for _, l := range c.all {
		if l.good == nil {
			continue
		}
		set.all = append(set.all, l.good)
		for _, name := range namesOf(l.good.Leaf) {
			set.byName[name] = append(set.byName[name], l.good)
		}
	}
	c.served.Store(set)
}

// states tells what became of each file.
func (c *certificates) states() []CertificateState {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]CertificateState, len(c.files))
	for i, l := range c.all {
		out[i] = CertificateState{File: c.files[i].Certificate, Problem: l.problem}
		if l.good != nil {
			out[i].Names, out[i].Kind, out[i].NotAfter = namesOf(l.good.Leaf), kindOf(l.good.Leaf), l.good.Leaf.NotAfter
		}
	}
	return out
}

// namesOf are the names and addresses that a certificate is for, cleaned and in
// lower case.
func namesOf(leaf *x509.Certificate) []string {
	var out []string
	for _, name := range leaf.DNSNames {
		out = append(out, strings.ToLower(clean(name)))
	}
	for _, ip := range leaf.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

func kindOf(leaf *x509.Certificate) string {
	switch k := leaf.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	}
	return leaf.PublicKeyAlgorithm.String()
}
