package uac

import (
	"fmt"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Auth answers the challenges of one user (RFC 3261 §22, RFC 8760). The zero
// value with a name and a password has met none yet.
type Auth struct {
	User, Password string

	challenge *digest.Challenge
	proxy     bool // the challenge came with 407
	uses      int  // of the challenge's nonce
}

// Challenged reports whether a password was asked for.
func (a *Auth) Challenged() bool { return a.challenge != nil }

// Stale reports whether the last challenge said that only the nonce was too old
// (RFC 7616 §3.3).
func (a *Auth) Stale() bool { return a.challenge != nil && a.challenge.Stale }

// Challenges reports whether an answer asks for a password.
func Challenges(res *sip.Response) bool {
	return res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired
}

// Line is an answer's status line for people.
func Line(res *sip.Response) string {
	return fmt.Sprintf("%d %s", res.StatusCode, wire.Clean(res.Reason))
}

// Take remembers the strongest challenge of an answer that we can answer;
// CauseAuth when there is none.
func (a *Auth) Take(res *sip.Response) *wire.Fault {
	name := "WWW-Authenticate"
	if a.proxy = res.StatusCode == sip.StatusProxyAuthRequired; a.proxy {
		name = "Proxy-Authenticate"
	}
	var best *digest.Challenge
	for _, h := range res.GetHeaders(name) {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil || !digest.CanDigest(c) {
			continue
		}
		if best == nil || len(c.Algorithm) > len(best.Algorithm) { // SHA-… over MD5
			best = c
		}
	}
	if best == nil {
		return &wire.Fault{Cause: health.CauseAuth, Detail: Line(res) + " without a challenge that can be answered"}
	}
	a.challenge, a.uses = best, 0
	return nil
}

// Authorize puts the answer to the last challenge into a request, if there was
// one.
func (a *Auth) Authorize(req *sip.Request) *wire.Fault {
	if a.challenge == nil {
		return nil
	}
	a.uses++
	cred, err := digest.Digest(a.challenge, digest.Options{
		Method: string(req.Method), URI: req.Recipient.String(), Count: a.uses,
		Username: a.User, Password: a.Password,
	})
	if err != nil {
		return &wire.Fault{Cause: health.CauseAuth, Detail: "answer the challenge: " + wire.Clean(err.Error())}
	}
	name, other := "Authorization", "Proxy-Authorization"
	if a.proxy {
		name, other = other, name
	}
	req.RemoveHeader(other)
	req.RemoveHeader(name)
	req.AppendHeader(sip.NewHeader(name, cred.String()))
	return nil
}
