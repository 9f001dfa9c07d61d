package uac

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// maxMessage bounds an answer: a softswitch that never stops talking must not
// fill our memory.
const maxMessage = 64 << 10

// maxDatagram bounds an answer over UDP; what is longer is cut and does not
// parse. Ten thousand checks would otherwise spend their time on buffers.
const maxDatagram = 16 << 10

// newParser returns a parser that understands only what a probe looks at, so
// that an odd header elsewhere does not make a living softswitch look dead.
func newParser() *sip.Parser {
	all := sip.DefaultHeadersParser()
	some := make(map[string]sip.HeaderParser)
	for _, name := range []string{"via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "content-length", "l", "contact", "m"} {
		some[name] = all[name]
	}
	p := sip.NewParser(sip.WithHeadersParsers(some))
	p.MaxMessageLength = maxMessage
	return p
}

// errMore is returned when a stream has not delivered the whole message yet.
var errMore = errors.New("message is not complete")

// takeMessage cuts the first message from a stream's octets (RFC 3261 §18.3)
// and returns the rest. Line ends before it are keep-alives (RFC 5626 §3.5.1).
func takeMessage(p *sip.Parser, octets []byte) (sip.Message, []byte, error) {
	octets = bytes.TrimLeft(octets, "\r\n")
	if !bytes.Contains(octets, []byte("\r\n\r\n")) {
		if len(octets) >= maxMessage {
			return nil, nil, sip.ErrMessageTooLarge
		}
		return nil, octets, errMore
	}
	msg, n, err := p.Parse(octets, true)
	if errors.Is(err, sip.ErrParseReadBodyIncomplete) && msg != nil && msg.ContentLength() != nil {
		return nil, octets, errMore
	}
	if err != nil {
		return nil, nil, err
	}
	return msg, octets[n:], nil
}

// matches reports why msg is no answer to req, or nil if it is one
// (RFC 3261 §17.1.3, §8.1.3.3).
func matches(req *sip.Request, msg sip.Message) error {
	res, ok := msg.(*sip.Response)
	if !ok {
		return errors.New("a request instead of an answer")
	}
	if res.SipVersion != "SIP/2.0" || res.StatusCode < 100 || res.StatusCode > 699 {
		return fmt.Errorf("status line %q", wire.Clean(res.StartLine()))
	}
	via, callID, cseq, from := res.Via(), res.CallID(), res.CSeq(), res.From()
	if via == nil || callID == nil || cseq == nil || from == nil {
		return errors.New("an answer without Via, Call-ID, CSeq or From")
	}
	if len(res.GetHeaders("Via")) != 1 {
		return errors.New("an answer with more than our Via")
	}
	branch, _ := via.Params.Get("branch")
	if want, _ := req.Via().Params.Get("branch"); branch != want {
		return fmt.Errorf("another branch: %q", wire.Clean(branch))
	}
	if *callID != *req.CallID() {
		return fmt.Errorf("another Call-ID: %q", wire.Clean(string(*callID)))
	}
	if *cseq != *req.CSeq() {
		return fmt.Errorf("another CSeq: %q", wire.Clean(cseq.Value()))
	}
	tag, _ := from.Params.Get("tag")
	if want, _ := req.From().Params.Get("tag"); tag != want {
		return fmt.Errorf("another From tag: %q", wire.Clean(tag))
	}
	return nil
}
