package gate

import (
	"bytes"
	"crypto/rand"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// framer cuts what a connection carries into messages; sipwire.Framer has the
// contract. With a PingFrame come the octets to send back, nil for those of SIP's
// own keep-alive.
type framer interface {
	Space() []byte
	Wrote(n int)
	Partial() bool
	Next() (sipwire.Frame, []byte, error)
}

// webFramer cuts a WebSocket connection (RFC 6455): one message of SIP in each of
// its messages, whole or in fragments, text or binary (RFC 7118 §5).
type webFramer struct {
	state ws.State // whose frames are read: StateServerSide those of a phone
	most  int

	buf   []byte
	r, w  int
	need  int // length of the frame at r when known, else 0
	parts []byte
	kind  ws.OpCode // of the message in parts
}

// maxFrameHeader is the longest header of a frame, in octets.
const maxFrameHeader = ws.MaxHeaderSize

func newWebFramer(state ws.State, most int) *webFramer {
	return &webFramer{state: state, most: most, buf: make([]byte, firstBuffer)}
}

// webEnd is why a WebSocket connection ends, with the frame that says so.
type webEnd struct {
	reason string
	frame  []byte
}

func (e *webEnd) Error() string { return e.reason }

func (f *webFramer) end(code ws.StatusCode, reason string) error {
	return &webEnd{reason, f.reply(ws.OpClose, ws.NewCloseFrameBody(code, reason))}
}

// reply makes a frame for the other side.
func (f *webFramer) reply(op ws.OpCode, payload []byte) []byte {
	return webFrame(op, payload, f.state.ClientSide())
}

// Space returns where to read to.
func (f *webFramer) Space() []byte {
	if f.r == f.w {
		f.r, f.w = 0, 0
		if len(f.buf) > firstBuffer {
			f.buf = make([]byte, firstBuffer)
		}
	}
	if f.w == len(f.buf) && f.r > 0 {
		f.w = copy(f.buf, f.buf[f.r:f.w])
		f.r = 0
	}
	if f.w == len(f.buf) {
		grown := make([]byte, min(max(2*len(f.buf), f.need), f.most+maxFrameHeader))
		copy(grown, f.buf[:f.w])
		f.buf = grown
	}
	return f.buf[f.w:]
}

// Wrote tells how many octets were read into Space.
func (f *webFramer) Wrote(n int) { f.w += n }

// Partial reports whether a message has begun and not ended.
func (f *webFramer) Partial() bool { return f.r < f.w || f.state.Fragmented() }

// Next returns the next message or keep-alive. After an error, a webEnd, the
// connection is of no more use.
func (f *webFramer) Next() (sipwire.Frame, []byte, error) {
	for {
		h, size, err := f.header()
		if err != nil {
			return sipwire.NoFrame, nil, err
		}
		if size == 0 || f.w-f.r < f.need {
			return sipwire.NoFrame, nil, nil
		}
		payload := f.buf[f.r+size : f.r+f.need]
		f.r, f.need = f.r+f.need, 0
		if h.Masked {
			ws.Cipher(payload, h.Mask, 0)
		}
		switch {
		case h.OpCode == ws.OpPing:
			return sipwire.PingFrame, f.reply(ws.OpPong, payload), nil
		case h.OpCode == ws.OpPong:
			return sipwire.PingFrame, []byte{}, nil
		case h.OpCode == ws.OpClose: // answered with the same code (RFC 6455 §5.5.1)
			return sipwire.NoFrame, nil, &webEnd{"closed by the other side", f.reply(ws.OpClose, payload[:min(len(payload), 2)])}
		case !f.state.Fragmented() && h.Fin:
			f.kind = h.OpCode
		default:
			if !f.state.Fragmented() {
				f.kind, f.parts = h.OpCode, f.parts[:0]
			}
			f.parts = append(f.parts, payload...)
			if !h.Fin {
				f.state = f.state.Set(ws.StateFragmented)
				continue
			}
			f.state, payload = f.state.Clear(ws.StateFragmented), f.parts
		}
		return f.message(payload)
	}
}

// header reads the header of the frame at r and sets need. Its size is 0 when
// more octets are needed.
func (f *webFramer) header() (h ws.Header, size int, err error) {
	b := f.buf[f.r:f.w]
	if len(b) < ws.MinHeaderSize {
		return h, 0, nil
	}
	size = ws.MinHeaderSize
	switch b[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if b[1]&0x80 != 0 {
		size += 4
	}
	if len(b) < size {
		return h, 0, nil
	}
	if h, err = ws.ReadHeader(bytes.NewReader(b[:size])); err == nil {
		err = ws.CheckHeader(h, f.state)
	}
	if err != nil {
		return h, 0, f.end(ws.StatusProtocolError, err.Error())
	}
	room := f.most
	if f.state.Fragmented() && !h.OpCode.IsControl() {
		room -= len(f.parts)
	}
	if h.Length > int64(room) {
		return h, 0, f.end(ws.StatusMessageTooBig, sipwire.ErrTooLong.Error())
	}
	f.need = size + int(h.Length)
	return h, size, nil
}

// message tells SIP from its keep-alive, which may come in a WebSocket message of
// its own (RFC 7118 §6, RFC 5626 §3.5.1).
func (f *webFramer) message(b []byte) (sipwire.Frame, []byte, error) {
	if f.kind == ws.OpText && !utf8.Valid(b) {
		return sipwire.NoFrame, nil, f.end(ws.StatusInvalidFramePayloadData, "text is no UTF-8")
	}
	if len(bytes.TrimLeft(b, "\r\n")) > 0 {
		return sipwire.MessageFrame, b, nil
	}
	if bytes.HasPrefix(b, []byte("\r\n\r\n")) {
		return sipwire.PingFrame, f.reply(ws.OpText, pong), nil
	}
	return sipwire.PingFrame, []byte{}, nil
}

// webMessage makes a frame that carries a SIP message.
func webMessage(b []byte, masked bool) []byte {
	if utf8.Valid(b) {
		return webFrame(ws.OpText, b, masked)
	}
	return webFrame(ws.OpBinary, b, masked)
}

// webFrame makes one frame; clients mask theirs with a number that nobody can
// foretell (RFC 6455 §5.3).
func webFrame(op ws.OpCode, payload []byte, masked bool) []byte {
	h := ws.Header{Fin: true, OpCode: op, Length: int64(len(payload)), Masked: masked}
	if masked {
		_, _ = rand.Read(h.Mask[:]) // it never fails
	}
	out := bytes.NewBuffer(make([]byte, 0, maxFrameHeader+len(payload)))
	_ = ws.WriteHeader(out, h) // to memory
	from := out.Len()
	out.Write(payload)
	if masked {
		ws.Cipher(out.Bytes()[from:], h.Mask, 0)
	}
	return out.Bytes()
}
