package divert

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// Named is a driver with the name that it has in the agent file.
type Named struct {
	Name   string
	Driver Driver
}

// InTurn uses the first of several drivers that works. The others are told that
// the site is open, so that none goes on refusing for itself when it has been
// stood in for. At each look the first one has its chance again.
type InTurn struct {
	drivers []Named

	// All below is used by one goroutine.
	rested []bool // were told that the site is open since they were used
	note   string
	keeps  bool // the driver that was used keeps sources in quarantine out
}

// NewInTurn makes one of at least one driver, the best first.
func NewInTurn(drivers ...Named) (*InTurn, error) {
	if len(drivers) == 0 {
		return nil, errors.New("no driver")
	}
	return &InTurn{drivers: drivers, rested: make([]bool, len(drivers))}, nil
}

// Apply implements Driver.
func (f *InTurn) Apply(ctx context.Context, p gate.Policy) error {
	f.note, f.keeps = "", false
	var failed []string
	for i, d := range f.drivers {
		err := f.try(ctx, i, len(f.drivers)-i, p)
		f.rested[i] = false
		if err != nil {
			failed = append(failed, d.Name+": "+err.Error())
			continue
		}
		if i > 0 {
			f.note = fmt.Sprintf("fell back to driver %s, since %s", d.Name, strings.Join(failed, "; "))
		}
		if k, ok := d.Driver.(Keeper); ok {
			f.keeps = k.KeepsOut()
		}
		f.rest(ctx, i)
		return nil
	}
	return errors.New(strings.Join(failed, "; "))
}

// try gives each driver that is left an equal share of the time.
func (f *InTurn) try(ctx context.Context, i, left int, p gate.Policy) error {
	if end, ok := ctx.Deadline(); ok && left > 1 {
		share, cancel := context.WithTimeout(ctx, time.Until(end)/time.Duration(left))
		defer cancel()
		ctx = share
	}
	return f.drivers[i].Driver.Apply(ctx, p)
}

// rest tells the drivers after the one that works. One that cannot be told is
// told at the next look; those before it have just failed.
func (f *InTurn) rest(ctx context.Context, used int) {
	for i := used + 1; i < len(f.drivers); i++ {
		if f.rested[i] {
			continue
		}
		err := f.try(ctx, i, len(f.drivers)-i+1, gate.Policy{Rules: map[fleet.Transport]gate.Rule{}})
		f.rested[i] = err == nil
		if err != nil && f.note == "" {
			f.note = fmt.Sprintf("driver %s cannot be told that it is not needed: %v", f.drivers[i].Name, err)
		}
	}
}

// Note implements Noter.
func (f *InTurn) Note() string { return f.note }

// KeepsOut implements Keeper.
func (f *InTurn) KeepsOut() bool { return f.keeps }

// Close ends what needs this process.
func (f *InTurn) Close() error {
	var errs []error
	for _, d := range f.drivers {
		if c, ok := d.Driver.(closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
