package metrics

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/eventsocket"
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
	// The tap is left out: the password would be written down. What goes over
	// the wire is remarked instead.
	s := eventsocket.New(ctx, eventsocket.Config{Conn: conn, Remark: func(text string) { wire.Remark(ctx, "%s", wire.Clean(text)) }})
	defer s.Close()
	if err := s.Login(spec.Login.Password); err != nil {
		return nil, socketFault("log in", err)
	}
	out, answers := map[string]float64{}, map[string]string{}
	for _, m := range metrics {
		command, word, _ := strings.Cut(m, "|")
		command = strings.TrimSpace(command)
		if !fleet.FreeSWITCHAsks(command) {
			return nil, &wire.Fault{Cause: health.CauseLocal, Detail: "not sent, since it may change something: " + wire.Clean(command)}
		}
		if _, asked := answers[command]; !asked {
			text, err := s.API(command)
			if err != nil {
				return nil, socketFault("ask", err)
			}
			answers[command] = text
		}
		if v, found := firstNumber(answers[command], strings.TrimSpace(word)); found {
			out[m] = v
		}
	}
	return out, nil
}

// socketFault is what an error of the event socket means.
func socketFault(while string, err error) *wire.Fault {
	cause := health.CauseMalformed
	switch {
	case errors.Is(err, eventsocket.ErrPassword), errors.Is(err, eventsocket.ErrTurnedAway):
		cause = health.CauseAuth
	case errors.Is(err, eventsocket.ErrClosed):
		cause = health.CauseReset
	case errors.Is(err, eventsocket.ErrRefused), errors.Is(err, eventsocket.ErrMalformed):
	default:
		return wire.Classify(while, err)
	}
	return &wire.Fault{Cause: cause, Detail: wire.Clean(err.Error())}
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
