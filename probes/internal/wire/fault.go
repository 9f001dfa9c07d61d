// Package wire opens connections for probes and tells apart, exactly, why one
// cannot be had or broke. It does not know SIP.
package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/sipsteer/sipsteer/pkg/health"
)

// Fault is why a probe did not get what it asked for.
type Fault struct {
	Cause  health.Cause
	Detail string // one line; holds no control characters
}

func (f *Fault) Error() string { return string(f.Cause) + ": " + f.Detail }

// errnoCauses maps what the kernel says. What is not here is not blamed on the
// softswitch.
var errnoCauses = [...]struct {
	errno syscall.Errno
	cause health.Cause
}{
	{syscall.ECONNREFUSED, health.CauseRefused},
	{syscall.ECONNRESET, health.CauseReset},
	{syscall.ECONNABORTED, health.CauseReset},
	{syscall.EPIPE, health.CauseReset},
	{syscall.ETIMEDOUT, health.CauseTimeout},
	{syscall.EHOSTUNREACH, health.CauseUnreachable},
	{syscall.ENETUNREACH, health.CauseUnreachable},
}

// Classify returns the fault behind err, a failed network operation. While
// names the operation ("connect", "wait for the answer") and starts the detail.
// An error that no rule knows, such as being out of file descriptors or of
// ports, or forbidden to send, is CauseLocal: the observer's own fault.
func Classify(while string, err error) *Fault {
	var known *Fault
	if errors.As(err, &known) {
		return &Fault{Cause: known.Cause, Detail: while + ": " + known.Detail}
	}
	return &Fault{Cause: cause(err), Detail: while + ": " + Clean(err.Error())}
}

func cause(err error) health.Cause {
	if errors.Is(err, context.Canceled) {
		return health.CauseLocal
	}
	for _, e := range errnoCauses {
		if errors.Is(err, e.errno) {
			return e.cause
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return health.CauseReset
	}
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout() {
		return health.CauseTimeout
	}
	return health.CauseLocal
}
