package divert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// Exec has a program do it. The program gets an Order in JSON on its standard
// input, and ends with 0 when it has seen that the order is followed. What it
// writes is shown when it ends otherwise. It is started at each change and, as
// long as it fails, again and again; it should do nothing when all is as ordered.
type Exec struct {
	Command    []string
	Site       fleet.SiteID
	Transports []fleet.Transport

	done []byte // the order that was followed last; used by one goroutine
}

// Order is what the program is told.
type Order struct {
	Site       string       `json:"site"`
	Transports []OrderEntry `json:"transports"`
	Emergency  []string     `json:"emergency"` // numbers whose calls pass
	RetryAfter [2]int       `json:"retry_after"`
	Redirects  []string     `json:"redirects"` // live sites, best first
}

// OrderEntry is the order for one transport.
type OrderEntry struct {
	Transport string `json:"transport"`
	// Do is open, first-phase (REGISTER and SUBSCRIBE refused, the rest
	// passes), draining (what begins something new is refused) or closed (the
	// softswitch is dead: all is refused).
	Do     string `json:"do"`
	Reason string `json:"reason,omitempty"`
}

// Apply implements Driver.
func (e *Exec) Apply(ctx context.Context, p gate.Policy) error {
	if len(e.Command) == 0 {
		return errors.New("no command")
	}
	order, err := json.Marshal(e.order(p))
	if err != nil {
		return fmt.Errorf("encode order: %w", err)
	}
	if bytes.Equal(order, e.done) {
		return nil
	}
	e.done = nil // half done is not done
	cmd := exec.CommandContext(ctx, e.Command[0], e.Command[1:]...)
	cmd.Stdin = bytes.NewReader(append(slices.Clone(order), '\n'))
	cmd.WaitDelay = time.Second // for what it leaves behind with its output open
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limited{&out, 4096}, &limited{&out, 4096}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w: %s", e.Command[0], err, bytes.TrimSpace(out.Bytes()))
	}
	e.done = order
	return nil
}

func (e *Exec) order(p gate.Policy) Order {
	o := Order{Site: string(e.Site), Emergency: append([]string{}, p.Emergency...), RetryAfter: [2]int{p.RetryAfterMin, p.RetryAfterMax}, Redirects: []string{}}
	for _, t := range e.Transports {
		r := p.Rules[t]
		o.Transports = append(o.Transports, OrderEntry{Transport: t.String(), Do: phaseOf(r).String(), Reason: r.Reason})
		for _, uri := range p.Redirects[t] {
			if !slices.Contains(o.Redirects, uri) {
				o.Redirects = append(o.Redirects, uri)
			}
		}
	}
	return o
}

// limited keeps the first octets that a program writes.
type limited struct {
	to   *bytes.Buffer
	most int
}

func (l *limited) Write(b []byte) (int, error) {
	l.to.Write(b[:min(len(b), max(l.most-l.to.Len(), 0))])
	return len(b), nil
}
