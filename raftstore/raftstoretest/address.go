package raftstoretest

import (
	"testing"

	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

// port is the same at every address.
const port = 7300

// address returns where a member of this test listens in all its lives: between
// two of them nobody has it open.
func Address(t testing.TB) string {
	t.Helper()
	return loopbacktest.AddrPort(t, port).String()
}
