package call

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/uac"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// lifetime of our callee's binding, should its removal be lost.
const lifetime = time.Minute

// callee is the subscriber of ours who is called.
type callee struct {
	conn     net.Conn
	register *sip.Request
	auth     *uac.Auth
	ear      *ear
	called   atomic.Bool
	stop     context.CancelFunc
	work     sync.WaitGroup
}

// logIn registers our callee at its softswitch and lets it wait for the call.
// What is wrong with that login is said to be the callee's.
func (a *attempt) logIn(ctx context.Context) (*callee, *wire.Fault) {
	q := a.q.Callee
	at := fmt.Sprintf("our subscriber at %s cannot be called: ", q.Site)
	conn, fault := wire.Dial(ctx, wire.Peer{Transport: q.Transport, Address: q.Address, ServerName: a.spec.ServerName, Path: q.Path})
	if fault != nil {
		return nil, &wire.Fault{Cause: fault.Cause, Detail: at + fault.Detail}
	}
	c := &callee{conn: conn, auth: &uac.Auth{User: q.Login.User, Password: q.Login.Password}}
	user, domain := "sipsteer-"+rand.Text(), cmp.Or(q.Login.Domain, a.domain)
	aor := sip.Uri{Scheme: "sip", User: q.Login.User, Host: domain}
	c.register = uac.New(uac.Dialogless{
		Method: sip.REGISTER, Transport: q.Transport, Local: conn.LocalAddr(), Recipient: sip.Uri{Scheme: "sip", Host: domain},
		From: aor, To: aor, ContactUser: user, UserAgent: a.agent,
	})
	if fault := c.bind(ctx, lifetime); fault != nil {
		_ = conn.Close()
		return nil, &wire.Fault{Cause: fault.Cause, Detail: at + fault.Detail}
	}
	ear, err := openEar(addressOf(conn))
	if err != nil {
		_ = conn.Close()
		return nil, wire.Classify("open socket for audio", err)
	}
	c.ear = ear
	c.work.Go(ear.listen)
	c.wait(ctx, uac.ContactOf(user, q.Transport, conn), a.q)
	return c, nil
}

// bind registers for a lifetime; zero removes the binding.
func (c *callee) bind(ctx context.Context, d time.Duration) *wire.Fault {
	for try := 0; ; try++ {
		c.register.RemoveHeader("Expires")
		c.register.AppendHeader(sip.NewHeader("Expires", strconv.Itoa(int(d/time.Second))))
		if fault := c.auth.Authorize(c.register); fault != nil {
			return fault
		}
		res, fault := uac.Exchange(ctx, c.conn, c.register)
		switch {
		case fault != nil:
			return fault
		case res.IsSuccess():
			uac.Next(c.register)
			return nil
		case !uac.Challenges(res):
			return &wire.Fault{Cause: health.CauseNoLogin, Detail: "its login is refused: " + uac.Line(res)}
		case try > 0 && !c.auth.Stale() || try > 1:
			return &wire.Fault{Cause: health.CauseAuth, Detail: "a right password is not taken: " + uac.Line(res)}
		}
		if fault := c.auth.Take(res); fault != nil {
			return fault
		}
		uac.Next(c.register)
	}
}

// wait serves the call until stop is called.
func (c *callee) wait(ctx context.Context, contact sip.Uri, q probes.Call) {
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	var theirs stream
	peer := &uac.Callee{
		Contact: contact, OnCalled: func() { c.called.Store(true) },
		Answer: func(body []byte) []byte {
			theirs, _ = agreed(body)
			answer, _ := offer(c.ear.address())
			return answer
		},
		OnUp: func() {
			if !theirs.to.IsValid() {
				return
			}
			c.work.Go(func() {
				speak, hush := context.WithTimeout(ctx, max(q.Talk-onTheWay, frame))
				defer hush()
				c.ear.send(speak, theirs)
			})
		},
	}
	c.work.Go(func() { _ = peer.Serve(ctx, c.conn) })
}

func (c *callee) wasCalled() bool { return c.called.Load() }

// leave takes the login back and waits for all that was started.
func (c *callee) leave(ctx context.Context) {
	c.stop()
	c.ear.close()
	c.work.Wait()
	_ = c.conn.SetDeadline(time.Time{})
	if fault := c.bind(ctx, 0); fault != nil {
		wire.Remark(ctx, "the callee's binding stays for %s: %s", lifetime, fault.Detail)
	}
	_ = c.conn.Close()
}
