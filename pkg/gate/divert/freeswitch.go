package divert

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/eventsocket"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// FreeSWITCH has a FreeSWITCH refuse calls whose dialplan includes
// freeswitch/sipsteer.xml: global variables say what to do on each transport and
// which numbers pass. It is spoken to by its event socket.
//
// It refuses no REGISTER: FreeSWITCH's only way to do that, fsctl pause, refuses
// emergency calls with it. So the phones of such a site leave by DNS.
type FreeSWITCH struct {
	// Address is the event socket, TCP: HOST:PORT of the same machine or a
	// management network. It is not encrypted.
	Address    string
	Password   string
	Transports []fleet.Transport

	refusing bool // the last Apply had it refuse, or be about to; used by one goroutine
}

// included is the variable that FreeSWITCH has when it reads our dialplan.
const included = "sipsteer_dialplan"

// ErrNoDialplan is returned when variables would have no effect.
var ErrNoDialplan = errors.New("freeswitch does not read sipsteer.xml: include it in the dialplan's contexts, then run reloadxml")

// Apply implements Driver: it looks whether the dialplan is there, sets what
// differs, and reads all back.
func (f *FreeSWITCH) Apply(ctx context.Context, p gate.Policy) error {
	want := map[string]string{}
	f.refusing = false
	for _, t := range f.Transports {
		do := phaseOf(p.Rules[t])
		f.refusing = f.refusing || do != open
		want["sipsteer_"+t.String()] = strconv.Itoa(int(do))
	}
	for _, n := range p.Emergency {
		if strings.ContainsAny(n, "= ") { // '=' would begin the value
			return fmt.Errorf("emergency number %q cannot be part of a variable's name in freeswitch", n)
		}
		want["sipsteer_sos_"+n] = "1"
	}
	c, done, err := f.ask(ctx)
	if err != nil {
		return err
	}
	defer done()
	if have, err := getvar(c, included); err != nil {
		return err
	} else if have != "1" {
		return ErrNoDialplan
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if err := setvar(c, name, want[name]); err != nil {
			return err
		}
	}
	return nil
}

// Note implements Noter: what it cannot do is said while that counts.
func (f *FreeSWITCH) Note() string {
	if !f.refusing {
		return ""
	}
	return "freeswitch refuses calls but no REGISTER: registrations leave by the name servers' answers alone"
}

// setvar sets a variable, unless it is so, and looks whether it is then.
func setvar(c *eventsocket.Client, name, value string) error {
	if have, err := getvar(c, name); err != nil || have == value {
		return err
	}
	if _, err := c.API("global_setvar " + name + "=" + value); err != nil {
		return fmt.Errorf("set %s in freeswitch: %w", name, err)
	}
	have, err := getvar(c, name)
	if err == nil && have != value {
		err = fmt.Errorf("set %s in freeswitch: it has %q, not %q", name, have, value)
	}
	return err
}

// getvar returns "" for a variable that is not set.
func getvar(c *eventsocket.Client, name string) (string, error) {
	text, err := c.API("global_getvar " + name)
	if err != nil && !eventsocket.NoReply(err) {
		return "", fmt.Errorf("look at %s in freeswitch: %w", name, err)
	}
	return strings.TrimSpace(text), nil
}

// ask connects and logs in; done ends that.
func (f *FreeSWITCH) ask(ctx context.Context) (c *eventsocket.Client, done func(), err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", f.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("reach freeswitch: %w", err)
	}
	c = eventsocket.New(ctx, eventsocket.Config{Conn: conn})
	done = func() { c.Close(); conn.Close() }
	if err := c.Login(f.Password); err != nil {
		done()
		return nil, nil, fmt.Errorf("log in to freeswitch: %w", err)
	}
	return c, done, nil
}

// Command implements Commander: an API command with its arguments. It is sent
// once: without an answer it is not known whether it was done.
func (f *FreeSWITCH) Command(ctx context.Context, words []string) (string, error) {
	if len(words) == 0 {
		return "", errors.New("no command is named")
	}
	c, done, err := f.ask(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	text, err := c.API(strings.Join(words, " "))
	if err != nil && !eventsocket.NoReply(err) {
		return "", fmt.Errorf("in freeswitch: %w", err)
	}
	return strings.TrimSpace(text), nil
}
