package gate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// pair is a certificate in files.
type pair struct {
	t    *testing.T
	file gate.CertificateFile
}

func newPair(t *testing.T, dir, name string) pair {
	return pair{t, gate.CertificateFile{Certificate: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key")}}
}

// write makes a certificate for names anew. The serial number tells versions
// apart.
func (p pair) write(serial int64, names ...string) pair {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: names, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		p.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	p.put(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	return p
}

func (p pair) put(cert, key []byte) {
	for path, b := range map[string][]byte{p.file.Certificate: cert, p.file.Key: key} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

// serial shakes hands for a name and returns the certificate's number, 0 when
// there was no handshake.
func (w *world) serial(name string) int64 {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", w.addr(fleet.TLS).String(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		return 0
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func (w *world) problems() []string {
	var out []string
	for _, c := range w.g.Live().Certificates {
		out = append(out, c.Problem)
	}
	return out
}

// TestCertificatesByName: a phone gets the certificate for the name that it
// asks for; a broken one, an empty one and one without its key are left out and
// named, and take nobody down.
func TestCertificatesByName(t *testing.T) {
	dir := t.TempDir()
	west, wild := newPair(t, dir, "west").write(1, "west.test", "www.west.test"), newPair(t, dir, "wild").write(2, "*.east.test")
	broken, missing, foreign := newPair(t, dir, "broken"), newPair(t, dir, "missing"), newPair(t, dir, "foreign").write(3, "foreign.test")
	broken.put([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), nil)
	key, err := os.ReadFile(west.file.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(foreign.file.Key, key, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *gate.Config) {
		c.TLS, c.CertificateInterval = nil, time.Millisecond
		c.Certificates = []gate.CertificateFile{broken.file, missing.file, foreign.file, west.file, wild.file}
	})
	for name, want := range map[string]int64{"west.test": 1, "WWW.West.test": 1, "a.east.test": 2, "a.b.east.test": 1, "foreign.test": 1, "": 1} {
		if got := w.serial(name); got != want {
			t.Errorf("%q gets certificate %d, want %d", name, got, want)
		}
	}
	states := w.g.Live().Certificates
	for i, want := range []bool{true, true, true, false, false} {
		if (states[i].Problem != "") != want {
			t.Errorf("%s: problem %q", states[i].File, states[i].Problem)
		}
	}
	if s := states[3]; s.Kind != "ECDSA P-256" || !slices.Equal(s.Names, []string{"west.test", "www.west.test"}) || s.NotAfter.IsZero() {
		t.Errorf("%+v", s)
	}
}

// TestCertificateIsFollowed: a new file is served without a restart and without a
// connection lost; a bad one is not, whatever is wrong, and a good one after it
// is.
func TestCertificateIsFollowed(t *testing.T) {
	p := newPair(t, t.TempDir(), "west").write(1, "west.test")
	w := newWorld(t, func(c *gate.Config) {
		c.TLS, c.CertificateInterval = nil, time.Millisecond
		c.Certificates = []gate.CertificateFile{p.file}
	})
	before, err := tls.Dial("tcp", w.addr(fleet.TLS).String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	p.write(2, "west.test")
	eventually(t, func() bool { return w.serial("west.test") == 2 })
	p.put([]byte("\x00 not PEM \x1b[2J"), []byte("neither"))
	eventually(t, func() bool { return w.problems()[0] != "" })
	if got := w.serial("west.test"); got != 2 {
		t.Errorf("certificate %d while the file is bad", got)
	}
	if strings.ContainsAny(w.problems()[0], "\x00\x1b") {
		t.Errorf("problem %q", w.problems()[0])
	}
	p.write(5, "west.test")
	eventually(t, func() bool { return w.serial("west.test") == 5 })
	if problem := w.problems()[0]; problem != "" {
		t.Errorf("problem %q after all", problem)
	}
	if _, err := before.Write([]byte(request("OPTIONS", with{}))); err != nil {
		t.Errorf("the connection of before: %v", err)
	}
}

// TestKeyIsLookedAt: a key that the check refuses is not used, and the reason is
// shown.
func TestKeyIsLookedAt(t *testing.T) {
	dir := t.TempDir()
	open, closed := newPair(t, dir, "open").write(1, "open.test"), newPair(t, dir, "closed").write(2, "closed.test")
	w := newWorld(t, func(c *gate.Config) {
		c.TLS, c.CertificateInterval, c.Certificates = nil, time.Millisecond, []gate.CertificateFile{open.file, closed.file}
		c.CheckKey = func(path string) error {
			if path == open.file.Key {
				return errors.New("lets others in")
			}
			return nil
		}
	})
	if got := w.serial("open.test"); got != 2 {
		t.Errorf("certificate %d", got)
	}
	if got := w.problems(); got[0] != "lets others in" || got[1] != "" {
		t.Errorf("problems %q", got)
	}
}

// TestNoGoodCertificate: the listener is there all the same, the other transports
// are served, and TLS begins with the first good file.
func TestNoGoodCertificate(t *testing.T) {
	p := newPair(t, t.TempDir(), "west")
	w := newWorld(t, func(c *gate.Config) {
		c.TLS, c.CertificateInterval, c.Certificates = nil, time.Millisecond, []gate.CertificateFile{p.file}
	})
	if got := w.serial("west.test"); got != 0 {
		t.Fatalf("certificate %d out of nothing", got)
	}
	u := w.phone(fleet.UDP)
	u.send(request("OPTIONS", with{}))
	if got := u.recv(); status(got) != "200" {
		t.Fatalf("UDP: %s", got)
	}
	p.write(1, "west.test")
	eventually(t, func() bool { return w.serial("west.test") == 1 })
}
