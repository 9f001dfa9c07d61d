package tlscheck

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// mustStaple is the certificate extension by which a client may insist on an
// answer of its authority (RFC 7633).
var mustStaple = []int{1, 3, 6, 1, 5, 5, 7, 1, 24}

// revoked judges what the authority says of a certificate, as the server brought
// it along (RFC 6066 §8, RFC 6960). Nothing is asked of the authority. It says
// why the certificate counts as taken back, or "".
func revoked(leaf *x509.Certificate, certs []*x509.Certificate, staple []byte, now time.Time) string {
	says, err := stapled(leaf, certs, staple)
	demanded := slices.ContainsFunc(leaf.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(mustStaple) })
	switch {
	case err == nil && says != nil && says.Status == ocsp.Revoked:
		return fmt.Sprintf("certificate of %s was revoked by its authority on %s", subject(leaf), says.RevokedAt.UTC().Format(time.DateOnly))
	case !demanded:
		return ""
	case says == nil && err == nil:
		return fmt.Sprintf("certificate of %s demands that its authority's answer is stapled (RFC 7633), and none is", subject(leaf))
	case err != nil:
		return fmt.Sprintf("certificate of %s demands that its authority's answer is stapled (RFC 7633); it cannot be used: %s", subject(leaf), wire.Clean(err.Error()))
	case !says.NextUpdate.IsZero() && now.After(says.NextUpdate):
		return fmt.Sprintf("certificate of %s demands that its authority's answer is stapled (RFC 7633); it ended on %s", subject(leaf), says.NextUpdate.UTC().Format(time.DateOnly))
	}
	return ""
}

// stapled reads the authority's answer; nil when the server brought none.
func stapled(leaf *x509.Certificate, certs []*x509.Certificate, staple []byte) (*ocsp.Response, error) {
	if len(staple) == 0 {
		return nil, nil
	}
	// Without the authority's certificate its signature cannot be checked; then
	// only what the answer says is known.
	var authority *x509.Certificate
	if len(certs) > 1 && leaf.CheckSignatureFrom(certs[1]) == nil {
		authority = certs[1]
	}
	return ocsp.ParseResponseForCert(staple, leaf, authority)
}

// stapleText says for people what came along.
func stapleText(leaf *x509.Certificate, certs []*x509.Certificate, staple []byte, now time.Time) string {
	says, err := stapled(leaf, certs, staple)
	switch {
	case err != nil:
		return ", with a stapled answer that cannot be read"
	case says == nil:
		return ""
	case !says.NextUpdate.IsZero() && now.After(says.NextUpdate):
		return ", with a stapled answer that ended on " + says.NextUpdate.UTC().Format(time.DateOnly)
	case says.Status == ocsp.Good:
		return ", stapled as good"
	}
	return ", stapled as unknown"
}
