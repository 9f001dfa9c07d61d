package update

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// target is where a zone is kept: somebody's name server, or the API of a
// provider. All methods are called by one goroutine.
type target interface {
	// where names it for people, without secrets.
	where() string
	// epoch reads the marker; 0 is none. It comes first in each look at the zone.
	epoch(ctx context.Context) (uint64, error)
	// lookup returns the records of one set as they stood when the epoch was read,
	// or later.
	lookup(ctx context.Context, k srv.Key) ([]dns.RR, error)
	// write makes the changes, and moves the marker from one epoch to the next. It
	// fails with ErrRaced if the marker was another by then.
	write(ctx context.Context, before, epoch uint64, changes []rrset) error
}

// busyError says that the target wants to be left alone for a time.
type busyError struct {
	wait time.Duration
	err  error
}

func (e *busyError) Error() string { return fmt.Sprintf("%v; again in %s", e.err, e.wait) }
func (e *busyError) Unwrap() error { return e.err }

// busy returns for how long an error says to wait; 0 if it does not.
func busy(err error) time.Duration {
	var b *busyError
	if errors.As(err, &b) {
		return b.wait
	}
	return 0
}
