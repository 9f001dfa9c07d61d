package softswitch

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab/internal/pause"
)

// callDropAfter is how long a call lives under the fault call-drop.
const callDropAfter = time.Second

// maxExpires is the longest registration, in seconds.
const maxExpires = 24 * 3600

// handle answers one request, as far as the fault allows.
func (s *Softswitch) handle(req *sip.Request, t fleet.Transport, send func(*sip.Response)) {
	if s.mute(t) || s.overloaded() {
		return
	}
	fault := s.Fault()
	if fault == RegisterTimeout && req.Method == sip.REGISTER {
		return
	}
	responses := s.respond(req, t, fault)
	if fault != Slow {
		for _, r := range responses {
			send(r)
		}
		return
	}
	s.work.Go(func() {
		if pause.For(s.ctx, s.cfg.SlowBy) == nil {
			for _, r := range responses {
				send(r)
			}
		}
	})
}

// respond returns the responses to a request, in order.
func (s *Softswitch) respond(req *sip.Request, t fleet.Transport, fault Fault) []*sip.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.requests[string(req.Method)]++
	if req.CallID() == nil || req.From() == nil || req.To() == nil || req.CSeq() == nil || req.Via() == nil {
		return nil
	}
	switch req.Method {
	case sip.ACK:
		return nil
	case sip.REGISTER:
		return []*sip.Response{s.register(req, fault)}
	case sip.INVITE:
		return s.invite(req, t, fault)
	case sip.CANCEL:
		return []*sip.Response{answer(req, 481, "Call/Transaction Does Not Exist")} // calls are answered at once
	case sip.OPTIONS:
		if toTag(req) == "" {
			return []*sip.Response{answer(req, 200, "OK", sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, UPDATE"))}
		}
	}
	return []*sip.Response{s.inDialog(req)}
}

func (s *Softswitch) register(req *sip.Request, fault Fault) *sip.Response {
	if refused := s.login(req, fault); refused != nil {
		return refused
	}
	aor := address(req.To().Address)
	expires := expiresOf(req)
	if err := s.disk.write(fmt.Sprintf("%q %d", aor, expires)); err != nil || fault == DiskCorrupt {
		return answer(req, 500, "Server Internal Error", sip.NewHeader("Warning", `399 lab "location store: input/output error"`))
	}
	for _, h := range req.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		switch {
		case !ok: // not an address
		case c.Address.Wildcard:
			s.store.unbindAll(aor)
		default:
			e := expires
			if v, has := c.Params.Get("expires"); has {
				e = number(v, e)
			}
			s.store.bind(aor, c.Address.String(), time.Now().Add(time.Duration(e)*time.Second), e)
		}
	}
	res := answer(req, 200, "OK")
	for _, b := range s.store.bindingsOf(aor, time.Now()) {
		left := int(time.Until(b.until).Round(time.Second) / time.Second)
		res.AppendHeader(sip.NewHeader("Contact", fmt.Sprintf("<%s>;expires=%d", b.contact, left)))
	}
	return res
}

func expiresOf(req *sip.Request) int {
	if h := req.GetHeader("Expires"); h != nil {
		return number(h.Value(), 3600)
	}
	return 3600
}

// number reads an interval in seconds. A longer one than a day is cut to it, as
// a registrar may (RFC 3261 §10.3).
func number(s string, def int) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if errors.Is(err, strconv.ErrRange) {
		n, err = maxExpires, nil
	}
	if err != nil || n < 0 {
		return def
	}
	return min(n, maxExpires)
}

func (s *Softswitch) invite(req *sip.Request, t fleet.Transport, fault Fault) []*sip.Response {
	id := callKey(req)
	if toTag(req) != "" {
		return []*sip.Response{s.inDialog(req)}
	}
	if !s.store.reachable(req.Recipient.User, address(req.Recipient), time.Now()) {
		return []*sip.Response{answer(req, 404, "Not Found")}
	}
	until := time.Time{}
	if fault == CallDrop {
		until = time.Now().Add(callDropAfter)
	}
	s.store.call(id, until)
	contact := sip.NewHeader("Contact", fmt.Sprintf("<sip:%s@%s;transport=%s>", orEcho(req.Recipient.User), s.contact(t), t))
	ok := answer(req, 200, "OK", contact, sip.NewHeader("Content-Type", "application/sdp"))
	ok.SetBody([]byte(sdp(s.contact(t).Addr())))
	return []*sip.Response{answer(req, 180, "Ringing", contact), ok}
}

func orEcho(user string) string {
	if user == "" {
		return "echo"
	}
	return user
}

func (s *Softswitch) contact(t fleet.Transport) netip.AddrPort {
	if a, ok := s.cfg.Contact[t]; ok {
		return a
	}
	return s.addrs[t]
}

// inDialog answers what belongs to a call.
func (s *Softswitch) inDialog(req *sip.Request) *sip.Response {
	id := callKey(req)
	if !s.store.hasCall(id, time.Now()) {
		return answer(req, 481, "Call/Transaction Does Not Exist")
	}
	if req.Method == sip.BYE {
		s.store.hangUp(id)
	}
	res := answer(req, 200, "OK")
	if req.Method == sip.INVITE {
		res.AppendHeader(sip.NewHeader("Contact", fmt.Sprintf("<%s>", req.Recipient.String())))
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody([]byte(sdp(netip.IPv4Unspecified())))
	}
	return res
}

// answer makes a response. Its To tag depends only on the call, so that a
// retransmission has the same one.
func answer(req *sip.Request, code int, reason string, headers ...sip.Header) *sip.Response {
	res := sip.NewResponseFromRequest(req, code, reason, nil)
	if toTag(req) == "" && code > 100 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(callKey(req)))
		res.To().Params.Add("tag", fmt.Sprintf("lab%x", h.Sum64()))
	}
	for _, h := range headers {
		res.AppendHeader(h)
	}
	return res
}

func toTag(req *sip.Request) string {
	tag, _ := req.To().Params.Get("tag")
	return tag
}

// callKey names a call, from the caller's side.
func callKey(req *sip.Request) string {
	tag, _ := req.From().Params.Get("tag")
	return req.CallID().Value() + "|" + tag
}

// address is the address of record of a URI.
func address(u sip.Uri) string { return strings.ToLower(u.User + "@" + u.Host) }

func sdp(a netip.Addr) string {
	return fmt.Sprintf("v=0\r\no=lab 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n", a)
}
