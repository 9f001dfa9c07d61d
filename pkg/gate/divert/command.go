package divert

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Commander is a Driver whose other side can be told to do one thing more.
type Commander interface {
	// Command does it once and returns what was answered.
	Command(ctx context.Context, words []string) (string, error)
}

// ErrNoCommand is returned when the driver does not know single commands.
var ErrNoCommand = errors.New("this driver takes no commands: it starts a program, which a runbook does by exec")

// Command has the other side do one thing, beside what the policy says.
func (d *Divert) Command(ctx context.Context, words []string) (string, error) {
	c, ok := d.cfg.Driver.(Commander)
	if !ok {
		return "", ErrNoCommand
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	return c.Command(ctx, words)
}

// Command implements Commander: a method of Kamailio's RPC and its parameters.
// Whole numbers are sent as numbers; s:NUMBER is one sent as text, as kamcmd
// writes it. The request is one datagram and sent once: without an answer it is
// not known whether it was done.
func (k *Kamailio) Command(ctx context.Context, words []string) (string, error) {
	if len(words) == 0 {
		return "", errors.New("no method is named")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", k.Address)
	if err != nil {
		return "", fmt.Errorf("reach kamailio: %w", err)
	}
	defer conn.Close()
	params := make([]any, 0, len(words)-1)
	for _, w := range words[1:] {
		if n, err := strconv.Atoi(w); err == nil {
			params = append(params, n)
			continue
		}
		params = append(params, strings.TrimPrefix(w, "s:"))
	}
	raw, err := (&rpc{conn: conn, once: true}).call(ctx, words[0], params)
	if err != nil {
		return "", fmt.Errorf("%s in kamailio: %w", words[0], err)
	}
	return string(raw), nil
}

// Command implements Commander: the first of the drivers that takes commands.
func (f *InTurn) Command(ctx context.Context, words []string) (string, error) {
	for _, d := range f.drivers {
		if c, ok := d.Driver.(Commander); ok {
			return c.Command(ctx, words)
		}
	}
	return "", ErrNoCommand
}
