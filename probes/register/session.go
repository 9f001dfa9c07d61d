package register

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/uac"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// session is one login, from the first REGISTER to the removal.
type session struct {
	ctx        context.Context // of the one call to Probe that made this
	conn       net.Conn
	login      probes.Login
	contact    string // user part of our Contact, ours alone
	req        *sip.Request
	challenge  *digest.Challenge
	proxy      bool // the challenge came with 407
	uses       int  // of the challenge's nonce
	challenged bool
	accepted   *sip.Response // the answer to the login that was taken
}

// register logs in and looks for our Contact in the answer.
func (s *session) register() *wire.Fault {
	res, fault := s.ask()
	switch {
	case fault != nil:
		return fault
	case challengeOf(res):
		return &wire.Fault{Cause: health.CauseAuth, Detail: "a right password is answered with another challenge: " + line(res)}
	case res.StatusCode == sip.StatusForbidden && s.challenged:
		return &wire.Fault{Cause: health.CauseAuth, Detail: "a right password is refused: " + line(res)}
	case res.StatusCode == sip.StatusServiceUnavailable:
		return &wire.Fault{Cause: health.CauseUnavailable, Detail: "refused " + s.when() + " the login: " + line(res)}
	case res.StatusCode != sip.StatusOK && s.challenged:
		return &wire.Fault{Cause: health.CauseStatus, Detail: "refused after the login: " + line(res)}
	case res.StatusCode != sip.StatusOK:
		return &wire.Fault{Cause: health.CauseNoLogin, Detail: "refused before the login: " + line(res)}
	case !s.holds(res):
		return &wire.Fault{Cause: health.CauseBinding, Detail: "accepted, but our Contact is not among the stored ones"}
	}
	s.accepted = res
	return nil
}

func (s *session) when() string {
	if s.challenged {
		return "after"
	}
	return "before"
}

// remove takes the binding back (RFC 3261 §10.2.2).
func (s *session) remove() *wire.Fault {
	uac.Next(s.req)
	s.expires(0)
	if fault := s.authorize(); fault != nil {
		return fault
	}
	res, fault := s.ask()
	if fault == nil && res.StatusCode != sip.StatusOK {
		fault = &wire.Fault{Cause: health.CauseStatus, Detail: "removal refused: " + line(res)}
	}
	return fault
}

// ask sends the request and answers a challenge once; a second time only if the
// nonce was merely stale (RFC 7616 §3.3).
func (s *session) ask() (*sip.Response, *wire.Fault) {
	for try := range 3 {
		res, fault := uac.Exchange(s.ctx, s.conn, s.req)
		if fault != nil || !challengeOf(res) {
			return res, fault
		}
		if fault := s.take(res); fault != nil {
			return nil, fault
		}
		if try > 0 && !s.challenge.Stale {
			return res, nil
		}
		uac.Next(s.req)
		if fault := s.authorize(); fault != nil {
			return nil, fault
		}
	}
	return nil, &wire.Fault{Cause: health.CauseAuth, Detail: "every nonce is stale at once"}
}

// take remembers the strongest challenge that we can answer.
func (s *session) take(res *sip.Response) *wire.Fault {
	name := "WWW-Authenticate"
	if s.proxy = res.StatusCode == sip.StatusProxyAuthRequired; s.proxy {
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
		return &wire.Fault{Cause: health.CauseAuth, Detail: line(res) + " without a challenge that can be answered"}
	}
	s.challenge, s.uses, s.challenged = best, 0, true
	return nil
}

// authorize puts the answer to the challenge into the request.
func (s *session) authorize() *wire.Fault {
	if s.challenge == nil {
		return nil
	}
	s.uses++
	cred, err := digest.Digest(s.challenge, digest.Options{
		Method: string(sip.REGISTER), URI: s.req.Recipient.String(), Count: s.uses,
		Username: s.login.User, Password: s.login.Password,
	})
	if err != nil {
		return &wire.Fault{Cause: health.CauseAuth, Detail: "answer the challenge: " + wire.Clean(err.Error())}
	}
	name, other := "Authorization", "Proxy-Authorization"
	if s.proxy {
		name, other = other, name
	}
	s.req.RemoveHeader(other)
	s.req.RemoveHeader(name)
	s.req.AppendHeader(sip.NewHeader(name, cred.String()))
	return nil
}

// expires sets the lifetime that is asked for.
func (s *session) expires(d time.Duration) {
	s.req.RemoveHeader("Expires")
	s.req.AppendHeader(sip.NewHeader("Expires", strconv.Itoa(int(d/time.Second))))
}

// holds reports whether our Contact is among those the registrar stores. Only
// the user part is compared: some rewrite the address.
func (s *session) holds(res *sip.Response) bool {
	for _, h := range res.GetHeaders("Contact") {
		if c, ok := h.(*sip.ContactHeader); ok && c.Address.User == s.contact {
			return true
		}
	}
	return false
}

func challengeOf(res *sip.Response) bool {
	return res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired
}

func line(res *sip.Response) string {
	return fmt.Sprintf("%d %s", res.StatusCode, wire.Clean(res.Reason))
}
