package register

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/internal/uac"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// session is one login, from the first REGISTER to the removal.
type session struct {
	ctx      context.Context // of the one call to Probe that made this
	conn     net.Conn
	asker    *uac.Exchanger
	auth     uac.Auth
	contact  string // user part of our Contact, ours alone
	req      *sip.Request
	accepted *sip.Response // the answer to the login that was taken
}

// register logs in and looks for our Contact in the answer.
func (s *session) register() *wire.Fault {
	res, fault := s.ask()
	switch {
	case fault != nil:
		return fault
	case uac.Challenges(res):
		return &wire.Fault{Cause: health.CauseAuth, Detail: "a right password is answered with another challenge: " + uac.Line(res)}
	case res.StatusCode == sip.StatusForbidden && s.auth.Challenged():
		return &wire.Fault{Cause: health.CauseAuth, Detail: "a right password is refused: " + uac.Line(res)}
	case res.StatusCode == sip.StatusServiceUnavailable:
		return &wire.Fault{Cause: health.CauseUnavailable, Detail: "refused " + s.when() + " the login: " + uac.Line(res)}
	case res.StatusCode != sip.StatusOK && s.auth.Challenged():
		return &wire.Fault{Cause: health.CauseStatus, Detail: "refused after the login: " + uac.Line(res)}
	case res.StatusCode != sip.StatusOK:
		return &wire.Fault{Cause: health.CauseNoLogin, Detail: "refused before the login: " + uac.Line(res)}
	case !s.holds(res):
		return &wire.Fault{Cause: health.CauseBinding, Detail: "accepted, but our Contact is not among the stored ones"}
	}
	s.accepted = res
	return nil
}

func (s *session) when() string {
	if s.auth.Challenged() {
		return "after"
	}
	return "before"
}

// remove takes the binding back (RFC 3261 §10.2.2).
func (s *session) remove() *wire.Fault {
	uac.Next(s.req)
	s.expires(0)
	if fault := s.auth.Authorize(s.req); fault != nil {
		return fault
	}
	res, fault := s.ask()
	if fault == nil && res.StatusCode != sip.StatusOK {
		fault = &wire.Fault{Cause: health.CauseStatus, Detail: "removal refused: " + uac.Line(res)}
	}
	return fault
}

// ask sends the request and answers a challenge once; a second time only if the
// nonce was merely stale (RFC 7616 §3.3).
func (s *session) ask() (*sip.Response, *wire.Fault) {
	for try := range 3 {
		res, fault := s.asker.Exchange(s.ctx, s.conn, s.req)
		if fault != nil || !uac.Challenges(res) {
			return res, fault
		}
		if fault := s.auth.Take(res); fault != nil {
			return nil, fault
		}
		if try > 0 && !s.auth.Stale() {
			return res, nil
		}
		uac.Next(s.req)
		if fault := s.auth.Authorize(s.req); fault != nil {
			return nil, fault
		}
	}
	return nil, &wire.Fault{Cause: health.CauseAuth, Detail: "every nonce is stale at once"}
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
