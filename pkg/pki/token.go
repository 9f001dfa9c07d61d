package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// A secret has 256 random bits, so its plain SHA-256 tells nothing: there is no
// dictionary of such secrets to try.
const secretSize = 32

// Prefixes by which tokens are known, also to those who look for leaked ones.
const (
	joinPrefix     = "sipsteer-join-"
	operatorPrefix = "sipsteer-op-"
)

// NewSecret returns a secret and the hash that is kept of it.
func NewSecret() (secret, hash string, err error) {
	var b [secretSize]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", "", fmt.Errorf("make secret: %w", err)
	}
	secret = base64.RawURLEncoding.EncodeToString(b[:])
	return secret, HashOf(secret), nil
}

// HashOf returns what is kept of a secret.
func HashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func sameHash(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// JoinToken is what an operator carries to a machine that is to join.
type JoinToken struct {
	// ID and Secret are known to the fleet; the secret only as its hash.
	ID     string `json:"id"`
	Secret string `json:"secret"`
	// Authority is the fingerprint of the fleet's authority: whoever answers
	// without it is somebody else.
	Authority string `json:"authority"`
	// APIs are the agents to ask.
	APIs []string `json:"apis"`
}

// String returns the token as it is carried.
func (t JoinToken) String() string {
	b, err := json.Marshal(t)
	if err != nil {
		return "" // strings always encode
	}
	return joinPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// ParseJoinToken reads what String returned.
func ParseJoinToken(s string) (JoinToken, error) {
	var t JoinToken
	text, ok := strings.CutPrefix(strings.TrimSpace(s), joinPrefix)
	if !ok {
		return t, errors.New("a join token begins with " + joinPrefix)
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	if err != nil || t.ID == "" || t.Secret == "" || len(t.Authority) != 2*sha256.Size || len(t.APIs) == 0 {
		return t, errors.New("the join token is not whole; copy all of it")
	}
	return t, nil
}

// OperatorToken returns the token of an operator as it is carried.
func OperatorToken(name, secret string) string { return operatorPrefix + name + "." + secret }

// ParseOperatorToken reads what OperatorToken returned.
func ParseOperatorToken(s string) (name, secret string, err error) {
	text, ok := strings.CutPrefix(strings.TrimSpace(s), operatorPrefix)
	name, secret, cut := strings.Cut(text, ".")
	if !ok || !cut || name == "" || secret == "" {
		return "", "", errors.New("an operator token begins with " + operatorPrefix)
	}
	return name, secret, nil
}
