package wire_test

import (
	"net"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

func TestTranscript(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	if conn := wire.Tap(t.Context(), near); conn != near {
		t.Error("a connection is written down although nobody asked")
	}
	ctx, transcript := wire.Record(t.Context())
	conn := wire.Tap(ctx, near)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		_, _ = far.Read(buf)
		_, _ = far.Write([]byte("SIP/2.0 200 OK\x1b[2J\r\n\r\n"))
	}()
	if _, err := conn.Write([]byte("REGISTER sip:a SIP/2.0\r\nAuthorization: Digest username=\"u\", response=\"0123abcd\", nc=1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	<-done
	wire.Remark(ctx, "the end of %s", "it")
	lines := transcript.Lines()
	if len(lines) != 3 || lines[0].Direction != wire.Sent || lines[1].Direction != wire.Received || lines[2].Text != "the end of it" {
		t.Fatalf("%+v", lines)
	}
	if text := lines[0].Text; strings.Contains(text, "0123abcd") || !strings.Contains(text, `response="hidden", nc=1`+"\n") {
		t.Errorf("sent: %q", text)
	}
	if text := lines[1].Text; text != "SIP/2.0 200 OK?[2J\n\n" {
		t.Errorf("received: %q", text)
	}
}
