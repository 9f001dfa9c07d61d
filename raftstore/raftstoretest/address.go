package raftstoretest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// port is the same at every address: below those that the kernel hands out.
const port = 7300

// address returns where a member of this test listens in all its lives. Between
// two of them nobody has it open, so a port that the kernel chose could go to
// another process; an address of its own on the loopback network does not.
func address(t testing.TB) string {
	t.Helper()
	var errs error
	for range 20 {
		own := fmt.Sprintf("127.%d.%d.%d:%d", 64+rand.IntN(128), rand.IntN(256), 1+rand.IntN(254), port)
		l, err := net.Listen("tcp", own)
		if err == nil {
			return closed(t, l)
		}
		errs = errors.Join(errs, err)
	}
	// Not Linux: 127.0.0.1 is the only one.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(errors.Join(errs, err))
	}
	return closed(t, l)
}

// closed closes l and returns where it was.
func closed(t testing.TB, l net.Listener) string {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}
