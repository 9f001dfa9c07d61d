package certlint

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"math/big"
)

// keyName describes a public key: "RSA 2048", "ECDSA P-256", "Ed25519".
func keyName(public any) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "of an unknown kind"
}

// Limits of RSA keys. 2048 is what TLS libraries ask for by default; above 4096
// old phones do not follow.
const (
	leastRSA = 2048
	mostRSA  = 4096
)

// judgeKey says what is wrong with a public key.
func judgeKey(public any) (Severity, string) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return judgeRSA(k)
	case *ecdsa.PublicKey:
		switch bits := k.Curve.Params().BitSize; {
		case bits < 256:
			return Bad, fmt.Sprintf("an ECDSA key of %d bits is too weak; at least P-256", bits)
		case bits > 384:
			return Warn, "many phones do not know the curve " + k.Curve.Params().Name
		}
	case ed25519.PublicKey:
		return Warn, "many phones do not know Ed25519"
	default:
		return Bad, "the public key is of a kind that TLS does not use"
	}
	return Note, ""
}

func judgeRSA(k *rsa.PublicKey) (Severity, string) {
	switch bits := k.N.BitLen(); {
	case bits < leastRSA:
		return Bad, fmt.Sprintf("an RSA key of %d bits is too weak; at least %d", bits, leastRSA)
	case k.E < 3 || k.E%2 == 0:
		return Bad, fmt.Sprintf("an RSA key with the exponent %d", k.E)
	case smallFactor(k.N):
		return Bad, "the RSA modulus has a small factor: the key is broken"
	case bits > mostRSA:
		return Warn, fmt.Sprintf("an RSA key of %d bits: old phones stop at %d, and each handshake costs the softswitch much", bits, mostRSA)
	}
	return Note, ""
}

// primorial is the product of the odd primes below 256.
var primorial = func() *big.Int {
	p := big.NewInt(1)
	for n := int64(3); n < 256; n += 2 {
		if big.NewInt(n).ProbablyPrime(0) {
			p.Mul(p, big.NewInt(n))
		}
	}
	return p
}()

func smallFactor(n *big.Int) bool {
	return n.Bit(0) == 0 || new(big.Int).GCD(nil, nil, n, primorial).Cmp(big.NewInt(1)) != 0
}

// belongs reports whether the key is the certificate's.
func belongs(key crypto.Signer, public any) bool {
	own, ok := key.Public().(interface{ Equal(x crypto.PublicKey) bool })
	return ok && own.Equal(public)
}
