package certlint

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"testing"
)

// BenchmarkCheck10000 judges 10,000 certificates with their keys in one
// directory, of which one is malformed: files read, DER and chain checked, key
// compared, a handshake tried. One operation is the whole directory.
func BenchmarkCheck10000(b *testing.B) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	for _, kind := range []struct {
		name string
		key  crypto.Signer
	}{{"ECDSA-P256", newKey(b)}, {"RSA-2048", rsaKey}} {
		b.Run(kind.name, func(b *testing.B) {
			ca, files := newAuthority(b, "ca"), map[string]string{}
			for i := range 10000 {
				der := ca.issue(b, leafFor(fmt.Sprintf("t%d.example.net", i)), kind.key)
				if i == 7777 {
					der[40] ^= 0xff
				}
				files[fmt.Sprintf("t%05d.pem", i)] = certPEM(der, ca.cert.Raw) + keyPEM(b, kind.key)
			}
			dir := write(b, files)
			for b.Loop() {
				if res := check(b, Config{}, dir); res.Bad() != 1 {
					b.Fatalf("%d bad", res.Bad())
				}
			}
		})
	}
}
