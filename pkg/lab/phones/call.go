package phones

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/lab/internal/pause"
)

// callMisses is how many questions in a row a call may leave unanswered before
// it counts as lost.
const callMisses = 3

// call is a call to the echo service of the site where the phone is
// registered. It has a link of its own, and stays where it began when the phone
// moves.
type call struct {
	phone  *phone
	rnd    *rand.Rand
	to     netip.AddrPort
	link   *link
	callID string
	tag    string // of the other side, with ;tag= in front
	remote string // request URI inside the dialog
	cseq   int
}

// holdCall sets a call up and asks every CallCheck whether it still lives,
// until ctx ends; then it hangs up.
func (p *phone) holdCall(ctx context.Context, to netip.AddrPort, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 2))
	c := &call{phone: p, rnd: rnd, to: to, callID: fmt.Sprintf("c%016x", rnd.Uint64())}
	defer func() { c.link.close() }()
	if err := c.invite(ctx); err != nil {
		return
	}
	p.crowd.callUp(to)
	misses := 0
	for misses < callMisses {
		if pause.For(ctx, p.crowd.cfg.CallCheck) != nil {
			c.bye()
			p.crowd.callEnded(to, false)
			return
		}
		err := c.ask(ctx)
		var refused *statusError
		switch {
		case err == nil:
			misses = 0
		case errors.As(err, &refused) && refused.code == 481, errors.Is(err, errTransport):
			misses = callMisses // the other side does not know it any more
		case ctx.Err() == nil:
			misses++
		}
	}
	p.crowd.callEnded(to, true)
}

func (c *call) request(method sip.RequestMethod) request {
	p := c.phone
	aor := fmt.Sprintf("sip:%s@%s", p.user(), p.group.Service)
	return request{
		method: method, uri: c.remote, from: fmt.Sprintf("<%s>;tag=c%d", aor, p.id),
		to: fmt.Sprintf("<sip:echo@%s>%s", p.group.Service, c.tag), callID: c.callID, cseq: c.cseq,
		branch: newBranch(c.rnd), via: viaOf(c.link),
		headers: []string{fmt.Sprintf("Contact: <sip:%s@%s;transport=%s>", p.user(), c.link.local(), c.link.transport), "User-Agent: " + userAgents[p.group.Kind]},
	}
}

func (c *call) invite(ctx context.Context) error {
	cfg := c.phone.crowd.cfg
	l, err := dial(ctx, c.phone.group.Transport, c.to, c.phone.tls, cfg.TimerF)
	if err != nil {
		return err
	}
	c.link, c.cseq, c.remote = l, 1, fmt.Sprintf("sip:echo@%s", c.phone.group.Service)
	res, err := l.do(ctx, c.request(sip.INVITE), cfg.T1, cfg.TimerF)
	if err != nil {
		return err
	}
	if res.StatusCode != 200 {
		return &statusError{res.StatusCode}
	}
	if tag, ok := res.To().Params.Get("tag"); ok {
		c.tag = ";tag=" + tag
	}
	if contact := res.Contact(); contact != nil {
		c.remote = contact.Address.String()
	}
	return l.send(c.request(sip.ACK))
}

// ask sends an OPTIONS inside the dialog.
func (c *call) ask(ctx context.Context) error {
	c.cseq++
	cfg := c.phone.crowd.cfg
	res, err := c.link.do(ctx, c.request(sip.OPTIONS), cfg.T1, cfg.TimerF)
	if err != nil {
		return err
	}
	if res.StatusCode != 200 {
		return &statusError{res.StatusCode}
	}
	return nil
}

// bye hangs up. The lab is ending: nobody waits for the answer long.
func (c *call) bye() {
	c.cseq++
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, _ = c.link.do(ctx, c.request(sip.BYE), 100*time.Millisecond, 300*time.Millisecond)
}
