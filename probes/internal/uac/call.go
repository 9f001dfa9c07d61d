package uac

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Call is one call that we place over one connection (RFC 3261 §13). All of it
// goes there, whatever Contact and Record-Route of an answer say: they stand in
// the requests, as they must, but nothing is sent elsewhere.
type Call struct {
	link   *link
	invite *sip.Request
	auth   *Auth
	answer *sip.Response // the 2xx
	rang   bool          // a provisional answer came
	ended  bool          // no BYE is owed
	seq    uint32        // of our last request inside the dialog
}

// Invite places a call and acknowledges its answer. It gives up when ctx ends.
// What is owed then, a CANCEL, or ACK and BYE to an answer that crossed it, is
// sent and waited for until end does; if end is over too, it is sent only.
//
// The causes: CauseTimeout, nobody answers; CauseAuth, a right password is not
// taken; CauseUnavailable, 503; CauseStatus, another refusal.
func Invite(ctx, end context.Context, conn net.Conn, d Dialogless, auth *Auth, offer []byte) (*Call, *wire.Fault) {
	d.Method = sip.INVITE
	c := &Call{link: newLink(conn), invite: New(d), auth: auth, seq: 1}
	c.invite.AppendHeader(sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"))
	c.invite.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	c.invite.SetBody(offer)
	for try := 0; ; try++ {
		res, err := c.transact(ctx, c.invite)
		if err != nil {
			return nil, c.abandon(end, err)
		}
		if res.IsSuccess() {
			c.answer = res
			if err := c.ack(); err != nil {
				return nil, c.link.fault("acknowledge", err)
			}
			return c, nil
		}
		if err := c.link.send(c.refusalAck(res)); err != nil {
			return nil, c.link.fault("acknowledge", err)
		}
		if again := Challenges(res) && auth.Password != "" && (try == 0 || try == 1 && auth.Stale()); !again {
			return nil, c.refused(res)
		}
		if fault := auth.Take(res); fault != nil {
			return nil, fault
		}
		Next(c.invite)
		c.seq++
		if fault := auth.Authorize(c.invite); fault != nil {
			return nil, fault
		}
	}
}

func (c *Call) refused(res *sip.Response) *wire.Fault {
	f := &wire.Fault{Cause: health.CauseStatus, Detail: "the call was refused: " + Line(res)}
	switch {
	case Challenges(res) && c.auth.Challenged():
		f.Cause, f.Detail = health.CauseAuth, "a right password is answered with another challenge: "+Line(res)
	case res.StatusCode == sip.StatusForbidden && c.auth.Challenged():
		f.Cause, f.Detail = health.CauseAuth, "a right password is refused: "+Line(res)
	case res.StatusCode == sip.StatusServiceUnavailable:
		f.Cause = health.CauseUnavailable
	}
	return f
}

// transact sends a request and returns its final answer. Over UDP it is sent
// again until an answer comes; an INVITE not after a provisional one
// (RFC 3261 §17.1.1.2). What comes in between is served.
func (c *Call) transact(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	wait, again, proceeding := T1, time.Time{}, false
	if !c.link.udp {
		if err := c.link.send(req); err != nil {
			return nil, err
		}
	}
	for {
		if now := time.Now(); c.link.udp && !proceeding && !now.Before(again) {
			if err := c.link.send(req); err != nil {
				return nil, err
			}
			again = now.Add(wait)
			wait = min(2*wait, T2)
		}
		until := again
		if proceeding {
			until = time.Time{}
		}
		msg, err := c.link.next(ctx, until)
		if errors.Is(err, errLater) {
			continue
		}
		if err != nil {
			return nil, err
		}
		res, ok := msg.(*sip.Response)
		switch {
		case !ok || matches(req, msg) != nil:
			c.serve(msg)
		case !res.IsProvisional():
			return res, nil
		case req.Method == sip.INVITE:
			proceeding, c.rang = true, true
		}
	}
}

// serve answers what the peer sends beside the answer that is waited for: its
// BYE ends the call, a 2xx that comes again is acknowledged again (§13.2.2.4),
// and nothing else is agreed to.
func (c *Call) serve(msg sip.Message) {
	req, ok := msg.(*sip.Request)
	switch {
	case !ok:
		if c.answer != nil && matches(c.invite, msg) == nil {
			_ = c.ack()
		}
	case req.Method == sip.ACK:
	case req.CallID() == nil || *req.CallID() != *c.invite.CallID():
		_ = c.link.send(sip.NewResponseFromRequest(req, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist", nil))
	case req.Method == sip.BYE:
		c.ended = true
		_ = c.link.send(sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil))
	case req.Method == sip.OPTIONS:
		_ = c.link.send(sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil))
	default: // the call goes on as it was agreed (§14.2)
		_ = c.link.send(sip.NewResponseFromRequest(req, sip.StatusNotAcceptableHere, "Not Acceptable Here", nil))
	}
}

// abandon ends a call that was not answered in time, and returns why it failed.
func (c *Call) abandon(end context.Context, err error) *wire.Fault {
	fault := c.link.fault("wait for the answer", err)
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return fault // the connection is gone, and with it all that could be said
	}
	if c.rang && fault.Cause == health.CauseTimeout {
		fault.Detail = "it rang, and nobody answered in time"
	}
	cancel := c.cancel()
	if c.rang {
		_ = c.link.send(cancel)
	}
	for again := time.Now().Add(T1); ; {
		msg, err := c.link.next(end, again)
		if errors.Is(err, errLater) {
			if again = time.Now().Add(T1); c.rang && c.link.udp {
				_ = c.link.send(cancel)
			}
			continue
		}
		if err != nil {
			return fault
		}
		res, ok := msg.(*sip.Response)
		switch {
		case !ok || matches(c.invite, msg) != nil:
			c.serve(msg)
		case res.IsProvisional():
			if !c.rang { // only now it may be cancelled (§9.1)
				c.rang = true
				_ = c.link.send(cancel)
			}
		case res.IsSuccess(): // it crossed our CANCEL
			c.answer = res
			_ = c.ack()
			_ = c.Bye(end)
			return fault
		default:
			_ = c.link.send(c.refusalAck(res))
			return fault
		}
	}
}

// Answer is the body of the answer.
func (c *Call) Answer() []byte { return c.answer.Body() }

// Response is the answer.
func (c *Call) Response() *sip.Response { return c.answer }

// Ended reports whether the peer has hung up.
func (c *Call) Ended() bool { return c.ended }

// Listen serves the call until ctx ends or the peer hangs up. A connection that
// breaks is a fault.
func (c *Call) Listen(ctx context.Context) *wire.Fault {
	for !c.ended {
		msg, err := c.link.next(ctx, time.Time{})
		switch {
		case err == nil:
			c.serve(msg)
		case ctx.Err() != nil:
			return nil
		default:
			return c.link.fault("during the call", err)
		}
	}
	return nil
}

// Bye hangs up and waits for the answer until ctx ends; if ctx is over already,
// BYE is sent only. Nothing is done when the peer was first.
func (c *Call) Bye(ctx context.Context) *wire.Fault {
	if c.ended {
		return nil
	}
	c.ended = true
	c.seq++
	bye := c.inDialog(sip.BYE)
	for try := 0; ; try++ {
		if ctx.Err() != nil {
			if err := c.link.send(bye); err != nil {
				return c.link.fault("hang up", err)
			}
			return nil
		}
		res, err := c.transact(ctx, bye)
		switch {
		case err != nil:
			return c.link.fault("hang up", err)
		case res.IsSuccess():
			return nil
		case try > 0 || !Challenges(res):
			return &wire.Fault{Cause: health.CauseStatus, Detail: "BYE was refused: " + Line(res)}
		}
		if fault := c.auth.Take(res); fault != nil {
			return fault
		}
		c.seq++
		bye.CSeq().SeqNo = c.seq
		bye.Via().Params.Add("branch", NewBranch())
		if fault := c.auth.Authorize(bye); fault != nil {
			return fault
		}
	}
}

func (c *Call) ack() error {
	ack := c.inDialog(sip.ACK)
	ack.CSeq().SeqNo = c.invite.CSeq().SeqNo // §13.2.2.4
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		if h := c.invite.GetHeader(name); h != nil {
			ack.AppendHeader(sip.NewHeader(name, h.Value())) // §22.1: the same
		}
	}
	return c.link.send(ack)
}

// inDialog builds a request inside the dialog (RFC 3261 §12.2.1.1).
func (c *Call) inDialog(method sip.RequestMethod) *sip.Request {
	target := c.invite.Recipient
	if contact := c.answer.Contact(); contact != nil {
		target = contact.Address
	}
	req := c.copied(method, target, NewBranch(), c.answer.To())
	req.CSeq().SeqNo = c.seq
	routes := c.answer.GetHeaders("Record-Route")
	for _, r := range slices.Backward(routes) {
		req.AppendHeader(sip.NewHeader("Route", r.Value()))
	}
	return req
}

// refusalAck acknowledges a refusal, which belongs to the transaction of the
// INVITE (§17.1.1.3).
func (c *Call) refusalAck(res *sip.Response) *sip.Request {
	branch, _ := c.invite.Via().Params.Get("branch")
	return c.copied(sip.ACK, c.invite.Recipient, branch, res.To())
}

// cancel takes the INVITE back (§9.1).
func (c *Call) cancel() *sip.Request {
	branch, _ := c.invite.Via().Params.Get("branch")
	return c.copied(sip.CANCEL, c.invite.Recipient, branch, c.invite.To())
}

// copied builds a request with the marks of the INVITE.
func (c *Call) copied(method sip.RequestMethod, target sip.Uri, branch string, to *sip.ToHeader) *sip.Request {
	req := sip.NewRequest(method, target)
	via := c.invite.Via().Clone()
	via.Params.Add("branch", branch)
	req.AppendHeader(via)
	hops := sip.MaxForwardsHeader(maxForwards)
	req.AppendHeader(&hops)
	req.AppendHeader(sip.HeaderClone(c.invite.From()))
	if to != nil {
		req.AppendHeader(sip.HeaderClone(to))
	}
	req.AppendHeader(sip.HeaderClone(c.invite.CallID()))
	req.AppendHeader(&sip.CSeqHeader{SeqNo: c.invite.CSeq().SeqNo, MethodName: method})
	req.SetBody(nil)
	return req
}
