// Package eventsocket speaks to a FreeSWITCH by its event socket (module
// event_socket), as a client: it logs in and has API commands done. It takes no
// events, and does not know what a command means.
package eventsocket

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// maxRead bounds what is read of one connection, in octets.
const maxRead = 8 << 20

var (
	// ErrPassword is returned when the password is refused, or cannot be one.
	ErrPassword = errors.New("the event socket refuses the password")
	// ErrTurnedAway is returned when FreeSWITCH does not want this machine's
	// address (its apply-inbound-acl).
	ErrTurnedAway = errors.New("the event socket turns this machine's address away")
	// ErrRefused is returned for a command that is answered with an error.
	ErrRefused = errors.New("refused")
	// ErrMalformed is returned when what answers is no event socket.
	ErrMalformed = errors.New("not as an event socket answers")
	// ErrClosed is returned when FreeSWITCH has said that it ends the connection.
	ErrClosed = errors.New("the event socket was closed")
)

// Config says over what, and until when.
type Config struct {
	// Conn is a fresh connection. It is the caller's to close.
	Conn net.Conn
	// Remark is told what goes over the wire, the password left out. May be nil.
	Remark func(text string)
}

// Client is one connection: header lines as in mail, and perhaps a body of
// Content-Length octets. It is used by one goroutine.
type Client struct {
	cfg  Config
	ctx  context.Context // bounds the whole conversation, which is one question of its caller
	r    *textproto.Reader
	stop func() bool
}

// New begins a conversation that lasts until ctx ends, at most. Close ends it.
func New(ctx context.Context, cfg Config) *Client {
	if cfg.Remark == nil {
		cfg.Remark = func(string) {}
	}
	c := &Client{cfg: cfg, ctx: ctx, r: textproto.NewReader(bufio.NewReader(io.LimitReader(cfg.Conn, maxRead)))}
	c.stop = context.AfterFunc(ctx, func() { _ = cfg.Conn.SetDeadline(time.Unix(1, 0)) })
	return c
}

// Close lets go of the context. The connection stays the caller's.
func (c *Client) Close() { c.stop() }

// Login waits until it is asked for the password, and gives it.
func (c *Client) Login(password string) error {
	head, body, err := c.receive()
	if err != nil {
		return err
	}
	switch t := head.Get("Content-Type"); t {
	case "auth/request":
	case "text/rude-rejection":
		return fmt.Errorf("%w: %q", ErrTurnedAway, strings.TrimSpace(body))
	default:
		return fmt.Errorf("%w: it begins with %q instead of asking for the password", ErrMalformed, t)
	}
	if password == "" || strings.ContainsAny(password, "\r\n") {
		return fmt.Errorf("%w: it is empty or has a line end", ErrPassword)
	}
	if err := c.send("auth " + password); err != nil {
		return err
	}
	c.cfg.Remark("sent auth, the password hidden")
	if head, _, err = c.receive(); err != nil {
		return err
	}
	if text := head.Get("Reply-Text"); !strings.HasPrefix(text, "+OK") {
		return fmt.Errorf("%w: %s", ErrPassword, text)
	}
	return nil
}

// API has one command done and returns what it wrote. A command that writes
// nothing is answered "-ERR no reply" and is therefore refused, too: see NoReply.
func (c *Client) API(command string) (string, error) {
	if strings.ContainsAny(command, "\r\n") {
		return "", fmt.Errorf("%w: a command is one line: %q", ErrRefused, command)
	}
	c.cfg.Remark("api " + command)
	if err := c.send("api " + command); err != nil {
		return "", err
	}
	for {
		head, body, err := c.receive()
		if err != nil {
			return "", err
		}
		switch head.Get("Content-Type") {
		case "api/response":
			if strings.HasPrefix(body, "-ERR") || strings.HasPrefix(body, "-USAGE") {
				return "", &refusal{command, strings.TrimSpace(body)}
			}
			return body, nil
		case "command/reply": // what this user may not do does not get as far as the API
			return "", &refusal{command, head.Get("Reply-Text")}
		case "text/disconnect-notice":
			return "", ErrClosed
		}
	}
}

// NoReply reports whether err only says that the command wrote nothing: a global
// variable that is not set.
func NoReply(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.text == "-ERR no reply"
}

// refusal is an ErrRefused with what was said.
type refusal struct{ command, text string }

func (r *refusal) Error() string { return r.command + ": " + r.text }
func (r *refusal) Unwrap() error { return ErrRefused }

func (c *Client) send(line string) error {
	if _, err := io.WriteString(c.cfg.Conn, line+"\n\n"); err != nil {
		return fmt.Errorf("write to event socket: %w", c.because(err))
	}
	return nil
}

// receive reads one message.
func (c *Client) receive() (textproto.MIMEHeader, string, error) {
	head, err := c.r.ReadMIMEHeader()
	var protocol textproto.ProtocolError
	switch {
	case errors.As(err, &protocol):
		return nil, "", fmt.Errorf("%w: %w", ErrMalformed, err)
	case err != nil:
		return nil, "", fmt.Errorf("event socket: %w", c.because(err))
	}
	length := 0
	if text := head.Get("Content-Length"); text != "" {
		if length, err = strconv.Atoi(text); err != nil || length < 0 || length > maxRead {
			return nil, "", fmt.Errorf("%w: Content-Length %q", ErrMalformed, text)
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c.r.R, body); err != nil {
		return nil, "", fmt.Errorf("event socket: %w", c.because(err))
	}
	c.cfg.Remark(head.Get("Content-Type") + ": " + head.Get("Reply-Text") + string(body))
	return head, string(body), nil
}

// because is the end of the conversation's time, when that is behind err.
func (c *Client) because(err error) error {
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	return err
}
