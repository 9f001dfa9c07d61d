package eventsocket

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// scripted is a connection whose peer says what it has to say, whatever it hears.
type scripted struct {
	net.Conn
	says io.Reader
}

func (s *scripted) Read(b []byte) (int, error)  { return s.says.Read(b) }
func (s *scripted) Write(b []byte) (int, error) { return len(b), nil }

// talk has one client speak with a peer that says this text and then hangs up or,
// if it is to be silent, nothing more.
func talk(t *testing.T, ctx context.Context, says string, silent bool, password, command string) (text, seen string, err error) {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	defer near.Close()
	conn := &scripted{near, strings.NewReader(says)}
	if silent {
		conn.says = io.MultiReader(conn.says, near)
	}
	var all strings.Builder
	c := New(ctx, Config{Conn: conn, Remark: func(s string) { all.WriteString(s + "\n") }})
	defer c.Close()
	if err := c.Login(password); err != nil {
		return "", all.String(), err
	}
	text, err = c.API(command)
	return text, all.String(), err
}

const (
	asks = "Content-Type: auth/request\n\n"
	in   = "Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
)

func response(body string) string {
	return "Content-Type: api/response\nContent-Length: " + string(rune('0'+len(body)/10)) + string(rune('0'+len(body)%10)) + "\n\n" + body
}

func TestAnswers(t *testing.T) {
	for _, x := range []struct {
		name, says string
		text       string
		err        error
	}{
		{"an answer", asks + in + response("true"), "true", nil},
		{"an event before it", asks + in + "Content-Type: log/data\nContent-Length: 2\n\nhi" + response("true"), "true", nil},
		{"nothing written", asks + in + response("-ERR no reply\n"), "", ErrRefused},
		{"usage", asks + in + response("-USAGE: x\n"), "", ErrRefused},
		{"not allowed", asks + in + "Content-Type: command/reply\nReply-Text: -ERR permission denied\n\n", "", ErrRefused},
		{"a wrong password", asks + "Content-Type: command/reply\nReply-Text: -ERR invalid\n\n", "", ErrPassword},
		{"turned away", "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n", "", ErrTurnedAway},
		{"goodbye", asks + in + "Content-Type: text/disconnect-notice\nContent-Length: 0\n\n", "", ErrClosed},
		{"a web server", "HTTP/1.1 400 Bad Request\n\n", "", ErrMalformed},
		{"another service", "Content-Type: text/html\n\n", "", ErrMalformed},
		{"a length that is none", asks + in + "Content-Type: api/response\nContent-Length: -1\n\n", "", ErrMalformed},
		{"a length without end", asks + in + "Content-Type: api/response\nContent-Length: 99999999999\n\n", "", ErrMalformed},
		{"half an answer", asks + in + "Content-Type: api/response\nContent-Length: 9\n\ntru", "", io.ErrUnexpectedEOF},
	} {
		text, seen, err := talk(t, t.Context(), x.says, false, "secret", "fsctl pause_check")
		if text != x.text || !errors.Is(err, x.err) {
			t.Errorf("%s: %q, %v", x.name, text, err)
		}
		if strings.Contains(seen, "secret") {
			t.Errorf("%s: the password is in what was remarked: %s", x.name, seen)
		}
		if NoReply(err) != (x.name == "nothing written") {
			t.Errorf("%s: is no reply: %v", x.name, NoReply(err))
		}
	}
}

// TestOneLine: neither a password nor a command can smuggle a second command.
func TestOneLine(t *testing.T) {
	if _, _, err := talk(t, t.Context(), asks, true, "a\n\napi b", "status"); !errors.Is(err, ErrPassword) {
		t.Errorf("password: %v", err)
	}
	if _, _, err := talk(t, t.Context(), asks+in, true, "a", "status\n\napi b"); !errors.Is(err, ErrRefused) {
		t.Errorf("command: %v", err)
	}
}

// TestTime: a peer that says nothing holds nobody longer than the context.
func TestTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := talk(t, ctx, asks+in, true, "a", "status"); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
