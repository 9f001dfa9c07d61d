package raftstore

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"github.com/rs/zerolog"
)

// refusal says of an error of Open that it is about what the directory holds.
func refusal(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, ErrInUse), errors.Is(err, ErrForeignDir):
		return err
	case errors.As(err, &errno) && !errors.Is(err, ErrDamaged):
		return fmt.Errorf("%w: %w: %w", ErrRefused, ErrDisk, err)
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

// Refused returns a store in place of one that Open refused: one that has
// stopped before it began. All calls may be made; they say so, and Err and
// Status name the cause. The directory is not touched, nor is the Machine. So an
// agent without a store is put together as any other.
func Refused(cfg Config, cause error) (*Store, error) {
	logger := cfg.Logger
	cfg.Dir, cfg.Memory, cfg.Members, cfg.Lead = "", NewMemory(), nil, nil
	cfg.Listener, cfg.Logger = &deaf{closed: make(chan struct{})}, zerolog.Nop()
	s, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	_ = s.replica.stop(cause) // halts, and says why from then on
	<-s.Done()
	logger.Error().Err(cause).Msg("store refused")
	return s, nil
}

// Check opens the store of a stopped member and closes it again. It says
// whether Open could get beyond the disk.
func Check(cfg Config) error {
	cfg.Logger = zerolog.Nop()
	d, err := openDisk(cfg)
	if err != nil {
		return fmt.Errorf("check store: %w", refusal(err))
	}
	if err := d.close(); err != nil {
		return fmt.Errorf("check store: %w", err)
	}
	return nil
}

// deaf is a listener that nobody reaches.
type deaf struct {
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (d *deaf) Accept() (net.Conn, error) {
	<-d.closed
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (d *deaf) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// Addr implements net.Listener.
func (d *deaf) Addr() net.Addr { return address("nowhere") }
