package stranger_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/lab/stranger"
)

// server answers every request on a port of its own with what reply makes of it,
// and returns what came.
func server(t *testing.T, reply func(msg string) string) (netip.AddrPort, <-chan string) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	came := make(chan string, 100)
	go func() { // ends when the socket is closed
		b := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			select {
			case came <- from.Addr().String() + " " + string(b[:n]):
			default:
			}
			if r := reply(string(b[:n])); r != "" {
				_, _ = conn.WriteToUDPAddrPort([]byte(r), from)
			}
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort(), came
}

// answered is a response with the lines that one mirrors.
func answered(msg, status string) string {
	if strings.HasPrefix(msg, "ACK") {
		return ""
	}
	out := "SIP/2.0 " + status + "\r\n"
	for line := range strings.SplitSeq(msg, "\r\n") {
		if strings.HasPrefix(line, "To: ") {
			line += ";tag=theirs;x=1"
		}
		for _, h := range []string{"Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "} {
			if strings.HasPrefix(line, h) {
				out += line + "\r\n"
			}
		}
	}
	return out + "Content-Length: 0\r\n\r\n"
}

// TestCall: an answered call is acknowledged and ended with the tag that was
// given; silence is told apart.
func TestCall(t *testing.T) {
	who := stranger.Stranger{Addr: netip.MustParseAddr("127.0.0.77"), Domain: "west.example.net"}
	at, came := server(t, func(msg string) string { return answered(msg, "200 OK") })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if code, err := who.Call(ctx, at, "911"); code != 200 || err != nil {
		t.Fatal(code, err)
	}
	for _, want := range []string{
		"127.0.0.77 INVITE sip:911@west.example.net SIP/2.0", "127.0.0.77 ACK sip:911@west.example.net SIP/2.0", "127.0.0.77 BYE sip:911@west.example.net SIP/2.0",
	} {
		got := <-came
		for strings.HasPrefix(want, "127.0.0.77 ACK") && strings.Contains(got, " INVITE sip:") { // sent once more on a slow machine
			got = <-came
		}
		if !strings.HasPrefix(got, want) || !strings.HasPrefix(want, "127.0.0.77 INVITE") && !strings.Contains(got, "To: <sip:911@west.example.net>;tag=theirs\r\n") {
			t.Errorf("%q, want %q", got, want)
		}
	}
	deaf, _ := server(t, func(string) string { return "" })
	short, end := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer end()
	if _, err := who.Call(short, deaf, "911"); !errors.Is(err, stranger.ErrSilence) {
		t.Errorf("a deaf server: %v", err)
	}
}

// TestFlood: requests that differ come from the one address, until it is ended.
func TestFlood(t *testing.T) {
	who := stranger.Stranger{Addr: netip.MustParseAddr("127.0.0.78"), Domain: "west.example.net"}
	at, came := server(t, func(string) string { return "" })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- who.Flood(ctx, 500, func() (netip.AddrPort, bool) { return at, true }) }()
	first, second := <-came, <-came
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(first, "127.0.0.78 REGISTER sip:west.example.net SIP/2.0\r\n") || first == second || bytes.Contains([]byte(first), []byte("\n\n")) {
		t.Errorf("%q and %q", first, second)
	}
}
