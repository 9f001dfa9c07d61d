package divert

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// TestKamailioCommands: single methods with numbers and texts, errors told, and
// nothing sent a second time.
func TestKamailioCommands(t *testing.T) {
	e := newEdge(t)
	f := follow(t, &Kamailio{Address: e.rpc.String(), Transports: both})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	eventually(t, "kamailio answers", func() bool { _, err := f.Command(ctx, []string{"core.version"}); return err == nil })
	if _, err := f.Command(ctx, []string{"htable.seti", "sipsteer", "marker", "7"}); err != nil {
		t.Fatal(err)
	}
	if said, err := f.Command(ctx, []string{"htable.get", "sipsteer", "marker"}); err != nil || !strings.Contains(said, "7") {
		t.Fatalf("%q, %v", said, err)
	}
	if _, err := f.Command(ctx, []string{"htable.sets", "sipsteer", "text", "s:12"}); err != nil {
		t.Fatal(err)
	}
	if said, err := f.Command(ctx, []string{"htable.get", "sipsteer", "text"}); err != nil || !strings.Contains(said, `"12"`) {
		t.Fatalf("%q, %v", said, err)
	}
	if _, err := f.Command(ctx, []string{"no.such.method"}); err == nil || !strings.Contains(err.Error(), "no.such.method") {
		t.Fatalf("an unknown method: %v", err)
	}
}

// TestCommandsToWhoTakesNone: a driver that starts programs, and an edge that is
// silent.
func TestCommandsToWhoTakesNone(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f, err := New(Config{Driver: &Exec{Command: []string{"/bin/true"}}, Transports: both})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Command(ctx, []string{"x"}); !errors.Is(err, ErrNoCommand) {
		t.Fatalf("%v", err)
	}
	silent, asked := silentPeer(t)
	k := &Kamailio{Address: silent, Transports: both}
	short, end := context.WithTimeout(ctx, 1200*time.Millisecond)
	defer end()
	if _, err := k.Command(short, []string{"dispatcher.reload"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	if n := asked(); n != 1 {
		t.Fatalf("asked %d times, want once", n)
	}
}

// silentPeer takes datagrams and answers none; asked counts them.
func silentPeer(t *testing.T) (address string, asked func() int) {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.LocalAddr().String(), func() int {
		b := make([]byte, 2048)
		for n := 0; ; n++ {
			_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			if _, err := c.Read(b); err != nil {
				return n
			}
		}
	}
}
