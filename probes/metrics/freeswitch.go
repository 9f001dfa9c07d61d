package metrics

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// freeswitch asks over FreeSWITCH's event socket (module event_socket). A metric
// is a command that only looks, and the number is the first in its answer, or
// the first behind the word after a bar: "show calls count",
// "sofia status profile internal | CALLS-IN".
func freeswitch(ctx context.Context, spec probes.Spec, metrics []string) (map[string]float64, *wire.Fault) {
	if spec.Login.Password == "" {
		return nil, &wire.Fault{Cause: health.CauseLocal, Detail: "this agent does not have the password of the event socket"}
	}
	conn, fault := wire.DialTCP(ctx, spec.Address)
	if fault != nil {
		return nil, fault
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	s := newEventSocket(ctx, conn)
	if fault := s.login(spec.Login.Password); fault != nil {
		return nil, fault
	}
	out, answers := map[string]float64{}, map[string]string{}
	for _, m := range metrics {
		command, word, _ := strings.Cut(m, "|")
		command = strings.TrimSpace(command)
		if !fleet.FreeSWITCHAsks(command) {
			return nil, &wire.Fault{Cause: health.CauseLocal, Detail: "not sent, since it may change something: " + wire.Clean(command)}
		}
		if _, asked := answers[command]; !asked {
			text, fault := s.api(command)
			if fault != nil {
				return nil, fault
			}
			answers[command] = text
		}
		if v, found := firstNumber(answers[command], strings.TrimSpace(word)); found {
			out[m] = v
		}
	}
	return out, nil
}

// eventSocket is one connection to FreeSWITCH: header lines as in mail, and
// perhaps a body of Content-Length octets.
type eventSocket struct {
	ctx  context.Context // of the one probe that opened it
	conn net.Conn
	r    *textproto.Reader
}

// newEventSocket leaves the tap out: the password would be written down. What
// goes over the wire is remarked instead.
func newEventSocket(ctx context.Context, conn net.Conn) *eventSocket {
	return &eventSocket{ctx, conn, textproto.NewReader(bufio.NewReader(io.LimitReader(conn, maxAnswer)))}
}

func (s *eventSocket) login(password string) *wire.Fault {
	greeting, _, fault := s.receive()
	if fault != nil {
		return fault
	}
	if t := greeting.Get("Content-Type"); t != "auth/request" {
		return odd("the event socket begins with %q instead of asking for the password", t)
	}
	if strings.ContainsAny(password, "\r\n") {
		return &wire.Fault{Cause: health.CauseLocal, Detail: "the password of the event socket has a line end"}
	}
	if _, err := fmt.Fprintf(s.conn, "auth %s\n\n", password); err != nil {
		return wire.Classify("log in", err)
	}
	wire.Remark(s.ctx, "sent auth, the password hidden")
	said, _, fault := s.receive()
	if fault != nil {
		return fault
	}
	if text := said.Get("Reply-Text"); !strings.HasPrefix(text, "+OK") {
		return &wire.Fault{Cause: health.CauseAuth, Detail: "the event socket refuses the password: " + wire.Clean(text)}
	}
	return nil
}

func (s *eventSocket) api(command string) (string, *wire.Fault) {
	wire.Remark(s.ctx, "api %s", command)
	if _, err := fmt.Fprintf(s.conn, "api %s\n\n", command); err != nil {
		return "", wire.Classify("ask", err)
	}
	for {
		head, body, fault := s.receive()
		if fault != nil {
			return "", fault
		}
		switch head.Get("Content-Type") {
		case "api/response":
			if strings.HasPrefix(body, "-ERR") || strings.HasPrefix(body, "-USAGE") {
				return "", odd("%s: %s", command, body)
			}
			return body, nil
		case "text/disconnect-notice":
			return "", &wire.Fault{Cause: health.CauseReset, Detail: "the event socket was closed"}
		}
	}
}

// receive reads one message.
func (s *eventSocket) receive() (textproto.MIMEHeader, string, *wire.Fault) {
	head, err := s.r.ReadMIMEHeader()
	if err != nil {
		if s.ctx.Err() != nil {
			err = s.ctx.Err()
		}
		f := wire.Classify("event socket", err)
		if f.Cause == health.CauseLocal && s.ctx.Err() == nil {
			f.Cause = health.CauseMalformed
		}
		return nil, "", f
	}
	length := 0
	if text := head.Get("Content-Length"); text != "" {
		if length, err = strconv.Atoi(text); err != nil || length < 0 || length > maxAnswer {
			return nil, "", odd("event socket: Content-Length %q", text)
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(s.r.R, body); err != nil {
		return nil, "", wire.Classify("event socket", err)
	}
	wire.Remark(s.ctx, "%s: %s", head.Get("Content-Type"), wire.Clean(head.Get("Reply-Text")+string(body)))
	return head, string(body), nil
}

// digits finds a number that is not part of a word.
var digits = regexp.MustCompile(`(?:^|[\s(=:])(-?\d+(?:\.\d+)?)`)

// firstNumber returns the first number in text, behind word if there is one.
func firstNumber(text, word string) (float64, bool) {
	if word != "" {
		_, after, found := strings.Cut(text, word)
		if !found {
			return 0, false
		}
		text = after
	}
	m := digits.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(m[1], 64)
	return v, err == nil
}
