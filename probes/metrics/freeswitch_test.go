package metrics

import (
	"bufio"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
)

const sofiaStatus = `=================================================================================================
Name             	internal
CALLS-IN         	12
FAILED-CALLS-IN  	3
REGISTRATIONS    	4021
`

// eventSockets plays FreeSWITCH's event socket, as documented for
// mod_event_socket, and writes down what it was told.
type eventSockets struct {
	mu   sync.Mutex
	told []string
}

func (e *eventSockets) serve(conn net.Conn) {
	fmt.Fprint(conn, "Content-Type: auth/request\n\n")
	r := textproto.NewReader(bufio.NewReader(conn))
	for {
		line, err := r.ReadLine()
		if err != nil {
			return
		}
		if line == "" {
			continue
		}
		e.mu.Lock()
		e.told = append(e.told, line)
		e.mu.Unlock()
		switch line {
		case "auth ClueCon":
			fmt.Fprint(conn, "Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
		case "api show calls count":
			answer(conn, "\n41 total.\n")
		case "api sofia status profile internal":
			answer(conn, sofiaStatus)
		case "api show nothing":
			answer(conn, "-ERR no such thing\n")
		default:
			fmt.Fprint(conn, "Content-Type: command/reply\nReply-Text: -ERR invalid\n\n")
		}
	}
}

func answer(conn net.Conn, body string) {
	fmt.Fprintf(conn, "Content-Type: api/response\nContent-Length: %d\n\n%s", len(body), body)
}

func TestFreeSWITCHIsAskedOnceForEachCommand(t *testing.T) {
	peer := &eventSockets{}
	s := specOf("freeswitch", wiretest.TCP(t, peer.serve),
		fleet.Number{Name: "calls", Metric: "show calls count", Max: limit(40)},
		fleet.Number{Name: "in", Metric: "sofia status profile internal | CALLS-IN", Max: limit(11)},
		fleet.Number{Name: "registrations", Metric: "sofia status profile internal | REGISTRATIONS", Min: limit(5000)})
	s.Login = probes.Login{Password: "ClueCon"}
	got := ask1(t, New(Config{}), s)
	want := "calls is 41, above its limit of 40; in is 12, above its limit of 11; registrations is 4021, below its limit of 5000"
	if got.Cause != health.CauseLimit || got.Detail != want {
		t.Errorf("%+v", got)
	}
	if told := strings.Join(peer.told, "; "); told != "auth ClueCon; api show calls count; api sofia status profile internal" {
		t.Errorf("it was told: %s", told)
	}
}

func TestFreeSWITCHRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, password, metric string
		cause                  health.Cause
		detail                 string
	}{
		{"a wrong password", "wrong", "show calls count", health.CauseAuth, "refuses the password"},
		{"no password", "", "show calls count", health.CauseLocal, "does not have the password"},
		{"a command that acts", "ClueCon", "hupall", health.CauseLocal, "may change something"},
		{"an error", "ClueCon", "show nothing", health.CauseMalformed, "-ERR no such thing"},
		{"no such word", "ClueCon", "sofia status profile internal | NOBODY", health.CauseContent, "has no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := specOf("freeswitch", wiretest.TCP(t, (&eventSockets{}).serve), fleet.Number{Name: "n", Metric: tt.metric, Max: limit(1)})
			s.Login = probes.Login{Password: tt.password}
			if got := ask1(t, New(Config{}), s); got.Cause != tt.cause || !strings.Contains(got.Detail, tt.detail) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestThePasswordIsNotWrittenDown: a transcript shows the commands without it.
func TestThePasswordIsNotWrittenDown(t *testing.T) {
	s := specOf("freeswitch", wiretest.TCP(t, (&eventSockets{}).serve), fleet.Number{Name: "calls", Metric: "show calls count", Max: limit(1)})
	s.Login = probes.Login{Password: "ClueCon"}
	ctx, transcript := probes.Record(t.Context())
	New(Config{}).Probe(ctx, s)
	var all strings.Builder
	for _, l := range transcript.Lines() {
		all.WriteString(l.Text + "\n")
	}
	if strings.Contains(all.String(), "ClueCon") || !strings.Contains(all.String(), "api show calls count") {
		t.Error(all.String())
	}
}

func TestFreeSWITCHAsks(t *testing.T) {
	for command, want := range map[string]bool{
		"show calls count": true, "status": true, "uptime": true, "sofia status profile internal | X": true,
		"": false, "system rm -rf /": false, "sofia profile internal stop": false, "show calls\napi hupall": false, "reloadxml": false,
	} {
		if fleet.FreeSWITCHAsks(command) != want {
			t.Errorf("%q: want %v", command, want)
		}
	}
}
