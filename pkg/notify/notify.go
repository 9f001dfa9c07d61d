package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Message is one message, made of what happened in a short time.
type Message struct {
	ID       string   // the same for every try: a receiver can tell a repetition
	Severity string   // info, minor, major or critical
	Subject  string   // one line
	Lines    []string // what happened, oldest first
	Topic    string   // incident, automation, runbook, readiness or notice
	// Thing is what it is about, the same over all messages of one incident or
	// run: systems that page people join by it.
	Thing string
	// Over: the thing has ended well.
	Over bool
	// Role of who is asked to do something; "" when nothing is asked, or anybody.
	Role string
	At   time.Time
	From string // the fleet that tells it
}

// Channel is one way to people. Send tries once.
type Channel interface {
	// Name says where it leads, for logs; it holds no secret.
	Name() string
	// Takes reports whether the message goes there.
	Takes(m Message) bool
	Send(ctx context.Context, m Message) error
}

// Config says how a Sender tries.
type Config struct {
	Channels []Channel
	// Tries bounds the attempts at one channel. Default 5.
	Tries int
	// Pause is between the first two tries; it doubles. Default 1s.
	Pause time.Duration
	// Timeout bounds one try. Default 10s.
	Timeout time.Duration
}

// Sender sends to all channels. It keeps nothing.
type Sender struct{ cfg Config }

// New returns a Sender.
func New(cfg Config) *Sender {
	if cfg.Tries == 0 {
		cfg.Tries = 5
	}
	if cfg.Pause == 0 {
		cfg.Pause = time.Second
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	return &Sender{cfg: cfg}
}

// Idle reports whether there is nobody to tell.
func (s *Sender) Idle() bool { return len(s.cfg.Channels) == 0 }

// Send gives the message to every channel that takes it, one after the other.
// The error names those that did not take it after all tries.
func (s *Sender) Send(ctx context.Context, m Message) error {
	m = m.cleaned()
	var errs []error
	for _, c := range s.cfg.Channels {
		if !c.Takes(m) {
			continue
		}
		if err := s.try(ctx, c, m); err != nil {
			errs = append(errs, fmt.Errorf("tell %s: %w", c.Name(), err))
		}
	}
	return errors.Join(errs...)
}

func (s *Sender) try(ctx context.Context, c Channel, m Message) error {
	var err error
	pause := s.cfg.Pause
	for n := range s.cfg.Tries {
		if n > 0 {
			if !sleep(ctx, pause) {
				return errors.Join(ctx.Err(), err)
			}
			pause *= 2
		}
		once, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		err = c.Send(once, m)
		cancel()
		var final *Final
		if err == nil || errors.As(err, &final) {
			return err
		}
	}
	return fmt.Errorf("after %d tries: %w", s.cfg.Tries, err)
}

// Final is an error that another try does not mend.
type Final struct{ Reason string }

func (e *Final) Error() string { return e.Reason }

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// cleaned takes control characters out: lines are lines, and a subject cannot
// become a header of its own.
func (m Message) cleaned() Message {
	m.Subject = oneLine(m.Subject)
	lines := make([]string, len(m.Lines))
	for i, l := range m.Lines {
		lines[i] = oneLine(l)
	}
	m.Lines = lines
	return m
}

func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return '\uFFFD'
		}
		return r
	}, s))
}
