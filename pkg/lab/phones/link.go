package phones

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Errors of a transaction.
var (
	// errTimeout: nothing came within Timer F (RFC 3261 §17.1.2).
	errTimeout = errors.New("no answer")
	// errTransport: refused, reset or closed.
	errTransport = errors.New("transport failed")
)

// link is a phone's way to one server: a UDP socket, or a TCP or TLS
// connection.
type link struct {
	transport fleet.Transport
	remote    netip.AddrPort
	conn      net.Conn
	closed    chan struct{} // closed when the connection ended
	reader    sync.WaitGroup

	mu      sync.Mutex
	waiting map[string]chan *sip.Response // by branch and method
}

// dial opens a link within the timeout.
func dial(ctx context.Context, t fleet.Transport, to netip.AddrPort, cfg *tls.Config, timeout time.Duration) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	network := "tcp"
	if t == fleet.UDP {
		network = "udp"
	}
	c, err := (&net.Dialer{}).DialContext(ctx, network, to.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", dialError(ctx), err)
	}
	if t == fleet.TLS {
		tc := tls.Client(c, cfg)
		if err := tc.HandshakeContext(ctx); err != nil {
			c.Close()
			return nil, fmt.Errorf("%w: %w", dialError(ctx), err)
		}
		c = tc
	}
	l := &link{transport: t, remote: to, conn: c, closed: make(chan struct{}), waiting: map[string]chan *sip.Response{}}
	l.reader.Go(l.read) // ended by close
	return l, nil
}

func dialError(ctx context.Context) error {
	if ctx.Err() != nil {
		return errTimeout
	}
	return errTransport
}

func (l *link) close() {
	if l == nil {
		return
	}
	l.conn.Close()
	l.reader.Wait()
}

// read hands responses to who waits for them. Over UDP an ICMP error does not
// end it: phones were seen to ignore those.
func (l *link) read() {
	defer close(l.closed)
	buf := make([]byte, 16<<10)
	parser := sip.NewParser().NewSIPStream()
	defer parser.Close()
	for {
		n, err := l.conn.Read(buf)
		if l.transport == fleet.UDP {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				if m, err := sip.ParseMessage(append([]byte{}, buf[:n]...)); err == nil {
					l.deliver(m)
				}
			}
			continue
		}
		if err != nil {
			return
		}
		if err := parser.ParseSIPStream(buf[:n], l.deliver); err != nil && !errors.Is(err, sip.ErrParseSipPartial) {
			return
		}
	}
}

func (l *link) deliver(m sip.Message) {
	res, ok := m.(*sip.Response)
	if !ok || res.StatusCode < 200 || res.Via() == nil || res.CSeq() == nil {
		return
	}
	branch, _ := res.Via().Params.Get("branch")
	l.mu.Lock()
	defer l.mu.Unlock()
	if ch := l.waiting[branch+" "+string(res.CSeq().MethodName)]; ch != nil {
		select {
		case ch <- res:
		default: // a retransmission
		}
	}
}

func (l *link) local() netip.AddrPort {
	a, err := netip.ParseAddrPort(l.conn.LocalAddr().String())
	if err != nil {
		return netip.AddrPort{}
	}
	return a
}

// send writes a request without waiting, as for ACK.
func (l *link) send(r request) error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := l.conn.Write(r.bytes()); err != nil && l.transport != fleet.UDP {
		return fmt.Errorf("%w: %w", errTransport, err)
	}
	return nil
}

// do sends a request and waits for its final response, at most timeout. Over
// UDP it repeats it at T1, doubling (RFC 3261 §17.1.2.2).
func (l *link) do(ctx context.Context, r request, t1, timeout time.Duration) (*sip.Response, error) {
	ch := make(chan *sip.Response, 1)
	key := r.branch + " " + string(r.method)
	l.mu.Lock()
	l.waiting[key] = ch
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.waiting, key)
		l.mu.Unlock()
	}()
	if err := l.send(r); err != nil {
		return nil, err
	}
	end := time.NewTimer(timeout)
	defer end.Stop()
	again := time.NewTimer(t1)
	defer again.Stop()
	if l.transport != fleet.UDP {
		again.Stop()
	}
	for {
		select {
		case res := <-ch:
			return res, nil
		case <-l.closed:
			return nil, errTransport
		case <-again.C:
			_ = l.send(r)
			t1 = min(2*t1, timeout)
			again.Reset(t1)
		case <-end.C:
			return nil, errTimeout
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// request is what a phone sends.
type request struct {
	method        sip.RequestMethod
	uri, from, to string // from and to with their tags
	callID        string
	cseq          int
	branch        string
	via           string
	headers       []string
	body          string
}

func newBranch(rnd *rand.Rand) string { return fmt.Sprintf("z9hG4bK%016x", rnd.Uint64()) }

func (r request) bytes() []byte {
	out := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/%s;branch=%s;rport\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
		r.method, r.uri, r.via, r.branch, r.from, r.to, r.callID, r.cseq, r.method)
	for _, h := range r.headers {
		out += h + "\r\n"
	}
	return fmt.Appendf([]byte(out), "Content-Length: %d\r\n\r\n%s", len(r.body), r.body)
}
