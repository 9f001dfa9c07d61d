package cli

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/config"
)

// writePair writes a certificate with a serial number, and its key.
func writePair(t *testing.T, file *config.DNSTLS, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"ns1.example"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{file.Certificate: {Type: "CERTIFICATE", Bytes: der}, file.Key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A new certificate is taken at the next handshake; one that is not whole yet
// leaves the one before; and none at all is an error at the start.
func TestDNSCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	file := &config.DNSTLS{Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "k.pem")}
	var cfg dnsserver.Config
	if dnsTLS(&cfg, file) == nil {
		t.Error("started without a certificate")
	}
	serial := func() int64 {
		t.Helper()
		pair, err := cfg.Certificate()
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.SerialNumber.Int64()
	}
	writePair(t, file, 1)
	if err := dnsTLS(&cfg, file); err != nil || serial() != 1 {
		t.Fatal(err, serial())
	}
	if err := os.WriteFile(file.Certificate, bytes.Repeat([]byte("x"), 10), 0o600); err != nil {
		t.Fatal(err)
	}
	if serial() != 1 {
		t.Error("a broken file is taken")
	}
	writePair(t, file, 1<<40) // of another length, so of another stamp for sure
	if serial() != 1<<40 {
		t.Error("the new certificate is not taken")
	}
}
