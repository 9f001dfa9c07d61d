package divert

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/gate"
)

// switchboard speaks as FreeSWITCH's event socket does, with global_setvar and
// global_getvar as in its mod_commands, and what it says where nothing is written.
// FreeSWITCH itself is in no package that a test could install.
type switchboard struct {
	l net.Listener

	mu   sync.Mutex // held for all below
	vars map[string]string
	sets int
	liar bool // it sets nothing and says it did
	bars bool // its user may not do API commands
	told []string
}

func newSwitchboard(t *testing.T) *switchboard {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &switchboard{l: l, vars: map[string]string{"sipsteer_dialplan": "1"}}
	var serving sync.WaitGroup
	serving.Go(func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return s
}

func (s *switchboard) serve(conn net.Conn) {
	defer conn.Close()
	r := textproto.NewReader(bufio.NewReader(conn))
	fmt.Fprint(conn, "Content-Type: auth/request\n\n")
	in := false
	for {
		line, err := r.ReadLine()
		if err != nil {
			return
		}
		if blank, err := r.ReadLine(); err != nil || blank != "" {
			return // a command ends with an empty line
		}
		api, isAPI := strings.CutPrefix(line, "api ")
		switch {
		case line == "auth secret":
			in = true
			fmt.Fprint(conn, "Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
		case !in:
			fmt.Fprint(conn, "Content-Type: command/reply\nReply-Text: -ERR invalid\n\nContent-Type: text/disconnect-notice\nContent-Length: 0\n\n")
			return
		case !isAPI:
			fmt.Fprint(conn, "Content-Type: command/reply\nReply-Text: -ERR command not found\n\n")
		default:
			if text, ok := s.api(api); ok {
				fmt.Fprintf(conn, "Content-Type: api/response\nContent-Length: %d\n\n%s", len(text), text)
				continue
			}
			fmt.Fprint(conn, "Content-Type: command/reply\nReply-Text: -ERR permission denied\n\n")
		}
	}
}

func (s *switchboard) api(command string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	word, rest, _ := strings.Cut(command, " ")
	name, value, assigned := strings.Cut(rest, "=")
	switch {
	case s.bars:
		return "", false
	case word == "global_getvar" && s.vars[rest] != "":
		return s.vars[rest], true
	case word == "global_setvar" && assigned && name != "":
		s.sets++
		if !s.liar {
			s.vars[name] = value
		}
		return "+OK", true
	case word == "global_setvar":
		return "-USAGE: <var>=<value> [=<value2>]\n", true
	case word == "status":
		s.told = append(s.told, rest)
		return "UP 0 years\n", true
	case word == "global_getvar":
		return "-ERR no reply\n", true
	}
	return fmt.Sprintf("-ERR %s Command not found!\n", word), true
}

// with looks at it, or changes it.
func (s *switchboard) with(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *switchboard) driver() *FreeSWITCH {
	return &FreeSWITCH{Address: s.l.Addr().String(), Password: "secret", Transports: both}
}

// TestFreeSWITCH: the variables say what to do, are set when they differ only, and
// are there again after a restart.
func TestFreeSWITCH(t *testing.T) {
	s := newSwitchboard(t)
	d := s.driver()
	for _, x := range []struct {
		rule gate.Rule
		want string
		note bool
	}{
		{gate.Rule{}, "0", false},
		{gate.Rule{Mode: gate.Draining, PassInvite: true}, "1", true},
		{gate.Rule{Mode: gate.Draining}, "2", true},
		{gate.Rule{Mode: gate.Closed}, "3", true},
		{gate.Rule{}, "0", false},
	} {
		for range 2 {
			if err := d.Apply(t.Context(), policy(x.rule)); err != nil {
				t.Fatal(err)
			}
		}
		if (d.Note() != "") != x.note {
			t.Errorf("%+v: note %q", x.rule, d.Note())
		}
		s.with(func() {
			want := map[string]string{"sipsteer_dialplan": "1", "sipsteer_udp": x.want, "sipsteer_tcp": x.want, "sipsteer_sos_911": "1"}
			if !maps.Equal(s.vars, want) {
				t.Errorf("%+v: %v, want %v", x.rule, s.vars, want)
			}
		})
	}
	s.with(func() {
		if s.sets != 3+2*4 {
			t.Errorf("%d were set; what is as it should be is left alone", s.sets)
		}
		s.vars = map[string]string{"sipsteer_dialplan": "1"} // it was restarted
	})
	err := d.Apply(t.Context(), policy(gate.Rule{Mode: gate.Draining}))
	s.with(func() {
		if err != nil || s.vars["sipsteer_udp"] != "2" {
			t.Errorf("after a restart: %v, %v", s.vars, err)
		}
	})
}

// TestFreeSWITCHFails: what was not seen to be done is not called done.
func TestFreeSWITCHFails(t *testing.T) {
	s := newSwitchboard(t)
	for _, x := range []struct {
		name string
		set  func(d *FreeSWITCH)
		want string
	}{
		{"it keeps nothing", func(*FreeSWITCH) { s.with(func() { s.liar = true }) }, `it has "", not "1"`},
		{"its user may not", func(*FreeSWITCH) { s.with(func() { s.bars = true }) }, "permission denied"},
		{"without the dialplan", func(*FreeSWITCH) { s.with(func() { s.bars = false; delete(s.vars, "sipsteer_dialplan") }) }, "include it in the dialplan"},
		{"a wrong password", func(d *FreeSWITCH) { d.Password = "guess" }, "refuses the password: -ERR invalid"},
		{"a password of two lines", func(d *FreeSWITCH) { d.Password = "secret\napi fsctl shutdown" }, "line end"},
		{"nobody is there", func(d *FreeSWITCH) { d.Address = "127.0.0.1:1" }, "reach freeswitch"},
	} {
		d := s.driver()
		x.set(d)
		if err := d.Apply(t.Context(), policy(gate.Rule{Mode: gate.Draining})); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

// TestFreeSWITCHCommand: a runbook's command is told once.
func TestFreeSWITCHCommand(t *testing.T) {
	s := newSwitchboard(t)
	got, err := s.driver().Command(t.Context(), []string{"status", "all"})
	s.with(func() {
		if err != nil || got != "UP 0 years" || strings.Join(s.told, ";") != "all" {
			t.Errorf("%q, %v, told %q", got, err, s.told)
		}
	})
	for _, words := range [][]string{nil, {"unheard_of"}, {"status\n\napi", "fsctl"}} {
		if _, err := s.driver().Command(t.Context(), words); err == nil {
			t.Errorf("%q: no error", words)
		}
	}
}

// dialplan is what of FreeSWITCH's dialplan our file uses.
type dialplan struct {
	Set struct {
		Data string `xml:"data,attr"`
	} `xml:"X-PRE-PROCESS"`
	Extensions []struct {
		Name       string `xml:"name,attr"`
		Continue   bool   `xml:"continue,attr"`
		Conditions []struct {
			Field      string   `xml:"field,attr"`
			Expression string   `xml:"expression,attr"`
			Actions    []action `xml:"action"`
			Else       []action `xml:"anti-action"`
		} `xml:"condition"`
	} `xml:"extension"`
}

type action struct {
	Application string `xml:"application,attr"`
	Data        string `xml:"data,attr"`
	Inline      bool   `xml:"inline,attr"`
}

var innermost = regexp.MustCompile(`\$\{(\w*[\w*#+]*)\}`)

// expand replaces variables, the inner ones first.
func expand(s string, vars map[string]string) string {
	for innermost.MatchString(s) {
		s = innermost.ReplaceAllStringFunc(s, func(m string) string { return vars[m[2:len(m)-1]] })
	}
	return s
}

// route does what mod_dialplan_xml does: conditions until one fails, extensions
// until one without continue has matched. It returns the call's response, or ""
// for one that goes on to the extensions that follow ours.
func (d *dialplan) route(t *testing.T, vars map[string]string) string {
	t.Helper()
	var out string
	run := func(list []action, match []string) {
		for _, a := range list {
			data := expand(a.Data, vars)
			if len(match) > 1 {
				data = strings.ReplaceAll(data, "$1", match[1])
			}
			switch name, value, ok := strings.Cut(data, "="); {
			case a.Application == "set" && ok:
				vars[name] = value
			case a.Application == "respond":
				out = data
			default:
				t.Fatalf("application %q with %q", a.Application, data)
			}
		}
	}
	for _, e := range d.Extensions {
		matched := false
		for _, c := range e.Conditions {
			field := expand(c.Field, vars)
			if !strings.Contains(c.Field, "$") {
				field = vars[c.Field]
			}
			match := regexp.MustCompile(c.Expression).FindStringSubmatch(field)
			if matched = match != nil; !matched {
				run(c.Else, nil)
				matched = len(c.Else) > 0
				break
			}
			run(c.Actions, match)
		}
		if matched && !e.Continue {
			if out == "" {
				t.Errorf("%s ends the search and does nothing: the call is lost", e.Name)
			}
			break
		}
	}
	return out
}

// TestFreeSWITCHDialplan: our file refuses what it should, by the rules of
// mod_dialplan_xml.
func TestFreeSWITCHDialplan(t *testing.T) {
	text, err := os.ReadFile("freeswitch/sipsteer.xml")
	if err != nil {
		t.Fatal(err)
	}
	var d dialplan
	if err := errors.Join(xml.Unmarshal(text, &d)); err != nil || d.Set.Data != included+"=1" {
		t.Fatalf("%v, sets %q", err, d.Set.Data)
	}
	for _, x := range []struct {
		name    string
		with    map[string]string
		refused bool
	}{
		{"open", map[string]string{"sipsteer_udp": "0"}, false},
		{"never told", nil, false},
		{"first phase", map[string]string{"sipsteer_udp": "1"}, false},
		{"draining", map[string]string{"sipsteer_udp": "2"}, true},
		{"closed", map[string]string{"sipsteer_udp": "3"}, true},
		{"another transport", map[string]string{"sipsteer_udp": "2", "sip_via_protocol": "tcp"}, false},
		{"an emergency number", map[string]string{"sipsteer_udp": "2", "destination_number": "911"}, false},
		{"urn:service:sos", map[string]string{"sipsteer_udp": "2", "sip_req_user": ""}, false},
		{"transferred after it began", map[string]string{"sipsteer_udp": "2", "sipsteer_begun": "at0"}, false},
		{"our own leg", map[string]string{"sipsteer_udp": "2", "direction": "outbound"}, false},
		{"no digit of 5 to 9", map[string]string{"sipsteer_udp": "2", "uuid": "01234abc"}, true},
		{"a number that is text", map[string]string{"sipsteer_udp": "2", "destination_number": "sos}"}, true},
	} {
		vars := map[string]string{"direction": "inbound", "sip_via_protocol": "udp", "destination_number": "1001", "sip_req_user": "1001", "uuid": "c0f8a1", "sipsteer_sos_911": "1"}
		maps.Copy(vars, x.with)
		want := ""
		if x.refused {
			want = "503 Service Unavailable"
		}
		if got := d.route(t, vars); got != want || x.refused && !regexp.MustCompile("^[5-9]$").MatchString(vars["sip_rh_Retry-After"]) {
			t.Errorf("%s: %q, Retry-After %q", x.name, got, vars["sip_rh_Retry-After"])
		}
	}
}
