package uac

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Callee takes one call over a connection over which it has registered
// (RFC 3261 §13.3). One goroutine uses it.
type Callee struct {
	// Contact is where it is reached.
	Contact sip.Uri
	// Answer returns the SDP for an offer; it is called once.
	Answer func(offer []byte) []byte
	// OnCalled and OnUp are told when the call comes and when it was
	// acknowledged. Either may be nil.
	OnCalled, OnUp func()

	link   *link
	invite *sip.Request
	ok     *sip.Response
	acked  bool
}

// Serve takes the call and ends when ctx does, or the connection breaks. Calls
// beside the first are refused with 486.
func (c *Callee) Serve(ctx context.Context, conn net.Conn) error {
	c.link = newLink(conn)
	wait, again := T1, time.Time{}
	for {
		msg, err := c.link.next(ctx, again)
		switch {
		case errors.Is(err, errLater): // the 200 is repeated until the ACK (§13.3.1.4)
			_ = c.link.send(c.ok)
			wait = min(2*wait, T2)
			again = time.Now().Add(wait)
			continue
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		req, ok := msg.(*sip.Request)
		if !ok || req.Via() == nil || req.CallID() == nil || req.CSeq() == nil || req.From() == nil || req.To() == nil {
			continue
		}
		pending := c.ok != nil && !c.acked
		c.take(req)
		switch {
		case c.ok == nil || c.acked:
			again = time.Time{}
		case !pending:
			wait, again = T1, time.Now().Add(T1)
		}
	}
}

func (c *Callee) take(req *sip.Request) {
	ours := c.invite != nil && *req.CallID() == *c.invite.CallID()
	switch {
	case req.Method == sip.INVITE && c.invite == nil:
		c.invite = req
		tell(c.OnCalled)
		c.ok = sip.NewResponseFromRequest(req, sip.StatusOK, "OK", c.Answer(req.Body()))
		c.ok.To().Params.Add("tag", rand.Text())
		c.ok.AppendHeader(&sip.ContactHeader{Address: c.Contact, Params: sip.NewParams()})
		c.ok.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		c.reply(req, sip.StatusRinging, "Ringing")
		_ = c.link.send(c.ok)
	case req.Method == sip.INVITE && ours:
		_ = c.link.send(c.ok) // it was lost
	case req.Method == sip.INVITE:
		c.reply(req, sip.StatusBusyHere, "Busy Here")
	case req.Method == sip.ACK:
		if ours && !c.acked {
			c.acked = true
			tell(c.OnUp)
		}
	case req.Method == sip.BYE && !ours:
		c.reply(req, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	default: // BYE, CANCEL that came too late, OPTIONS
		c.reply(req, sip.StatusOK, "OK")
	}
}

func (c *Callee) reply(req *sip.Request, status int, reason string) {
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	if _, tagged := res.To().Params.Get("tag"); !tagged && c.ok != nil {
		tag, _ := c.ok.To().Params.Get("tag")
		res.To().Params.Add("tag", tag)
	}
	_ = c.link.send(res)
}

func tell(f func()) {
	if f != nil {
		f()
	}
}

// ContactOf is where we are reached over a connection.
func ContactOf(user string, transport fleet.Transport, conn net.Conn) sip.Uri {
	return AddressURI(user, transport, addrPort(conn.LocalAddr()))
}
