package gate

import (
	"bytes"
	"io"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// FuzzWebFrames: whatever comes, in whatever pieces, the framer does not fail, is
// bounded, and finds the messages that the library's own reader finds.
func FuzzWebFrames(f *testing.F) {
	frame := func(fin bool, op ws.OpCode, text string) []byte {
		return ws.MustCompileFrame(ws.MaskFrameWith(ws.NewFrame(op, fin, []byte(text)), [4]byte{1, 2, 3, 4}))
	}
	f.Add(frame(true, ws.OpText, "OPTIONS sip:a SIP/2.0\r\n\r\n"), uint8(3))
	f.Add(append(frame(false, ws.OpText, "OPT"), append(frame(true, ws.OpPing, "x"), frame(true, ws.OpContinuation, "IONS")...)...), uint8(1))
	f.Add(append(frame(true, ws.OpBinary, "\xff"), frame(true, ws.OpClose, "\x03\xe8")...), uint8(200))
	f.Add([]byte{0x81, 0xfe, 0xff, 0xff, 1, 2, 3, 4, 5}, uint8(2))
	const most = 1000
	f.Fuzz(func(t *testing.T, octets []byte, piece uint8) {
		fr := newWebFramer(ws.StateServerSide, most)
		var got [][]byte
		for rest, ended := octets, false; len(rest) > 0 && !ended; {
			n := copy(fr.Space(), rest[:min(len(rest), int(piece)+1)])
			if n == 0 {
				t.Fatal("no space")
			}
			fr.Wrote(n)
			rest = rest[n:]
			for {
				kind, b, err := fr.Next()
				if ended = err != nil; ended || kind == sipwire.NoFrame {
					break
				}
				if len(b) > most+maxFrameHeader || len(fr.buf) > firstBuffer+most+maxFrameHeader || cap(fr.parts) > 4*most {
					t.Fatalf("%d octets in a message, %d in buffers", len(b), len(fr.buf)+cap(fr.parts))
				}
				if kind == sipwire.MessageFrame {
					got = append(got, bytes.Clone(b))
				}
			}
		}
		r := wsutil.Reader{Source: bytes.NewReader(octets), State: ws.StateServerSide, CheckUTF8: true}
		for i := 0; i < len(got); {
			h, err := r.NextFrame()
			if err != nil {
				t.Fatalf("message %d, %q: the library finds an error: %v", i, got[i], err)
			}
			b, err := io.ReadAll(&r)
			if err != nil {
				t.Fatalf("message %d, %q: the library cannot read it: %v", i, got[i], err)
			}
			if h.OpCode.IsControl() || len(bytes.TrimLeft(b, "\r\n")) == 0 {
				continue
			}
			if !bytes.Equal(b, got[i]) {
				t.Fatalf("message %d: %q, the library has %q", i, got[i], b)
			}
			i++
		}
	})
}
