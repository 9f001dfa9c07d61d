package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/sipsteer/sipsteer/pkg/health"
)

func TestClassify(t *testing.T) {
	op := func(errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
	}
	for _, tt := range []struct {
		err  error
		want health.Cause
	}{
		{op(syscall.ECONNREFUSED), health.CauseRefused},
		{op(syscall.ECONNRESET), health.CauseReset},
		{op(syscall.EPIPE), health.CauseReset},
		{io.EOF, health.CauseReset},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), health.CauseReset},
		{op(syscall.EHOSTUNREACH), health.CauseUnreachable},
		{op(syscall.ENETUNREACH), health.CauseUnreachable},
		{op(syscall.ETIMEDOUT), health.CauseTimeout},
		{os.ErrDeadlineExceeded, health.CauseTimeout},
		{context.DeadlineExceeded, health.CauseTimeout},
		// Our own faults.
		{context.Canceled, health.CauseLocal},
		{op(syscall.EMFILE), health.CauseLocal},
		{op(syscall.ENFILE), health.CauseLocal},
		{op(syscall.ENOBUFS), health.CauseLocal},
		{op(syscall.EADDRNOTAVAIL), health.CauseLocal},
		{op(syscall.EPERM), health.CauseLocal},
		{errors.New("something new"), health.CauseLocal},
	} {
		f := Classify("ask", tt.err)
		if f.Cause != tt.want || !strings.HasPrefix(f.Detail, "ask: ") {
			t.Errorf("%v: got %+v, want %s", tt.err, f, tt.want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"200 OK":                  "200 OK",
		"Größe 日本":                "Größe 日本",
		"a\r\nb\x00\x1b[31m\x7f":  "a??b??[31m?",
		"\u202Egnp.exe \u2028":    "?gnp.exe ?",
		"\xff\xfe":                "??",
		strings.Repeat("x", 1000): strings.Repeat("x", maxText) + "…",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b]0;title\x07")
	f.Fuzz(func(t *testing.T, in string) {
		out := Clean(in)
		if !utf8.ValidString(out) || utf8.RuneCountInString(out) > maxText+1 || strings.ContainsAny(out, "\r\n\x00\x1b\u202e") {
			t.Errorf("%q became %q", in, out)
		}
	})
}

func TestHasRoute(t *testing.T) {
	if !HasRoute(netip.MustParseAddr("127.0.0.1")) {
		t.Error("no route to loopback")
	}
	if HasRoute(netip.Addr{}) {
		t.Error("a route to nowhere")
	}
}
