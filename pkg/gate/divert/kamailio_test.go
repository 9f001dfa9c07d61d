package divert

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

var both = []fleet.Transport{fleet.UDP, fleet.TCP}

// edge is a Kamailio that includes our snippet.
type edge struct {
	t        *testing.T
	sip, rpc netip.AddrPort
	config   string
	cmd      *exec.Cmd
}

func newEdge(t *testing.T) *edge {
	t.Helper()
	path, err := exec.LookPath("kamailio")
	if err != nil {
		t.Skip("kamailio is not installed (Debian: kamailio)")
	}
	snippet, err := filepath.Abs("kamailio/sipsteer.cfg")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/softswitch.cfg")
	if err != nil {
		t.Fatal(err)
	}
	own := loopbacktest.Address(t, 5060, 5080)
	e := &edge{t: t, sip: netip.AddrPortFrom(own, 5060), rpc: netip.AddrPortFrom(own, 5080), config: filepath.Join(t.TempDir(), "kamailio.cfg")}
	full := strings.NewReplacer("RPC_ADDRESS", own.String(), "RPC_PORT", strconv.Itoa(int(e.rpc.Port())), "SNIPPET", snippet).Replace(string(text))
	if err := os.WriteFile(e.config, []byte(full), 0o600); err != nil {
		t.Fatal(err)
	}
	e.start(path)
	t.Cleanup(e.stop)
	return e
}

func (e *edge) start(path string) {
	dir := filepath.Dir(e.config)
	listen := e.sip.String()
	e.cmd = exec.Command(path, "-f", e.config, "-DD", "-E", "-l", "udp:"+listen, "-l", "tcp:"+listen, "-m", "32", "-M", "4", "-w", dir, "-Y", dir)
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
}

func (e *edge) stop() {
	_ = syscall.Kill(-e.cmd.Process.Pid, syscall.SIGKILL)
	_ = e.cmd.Wait()
}

// ask sends a request and returns the answer, "" for none.
func (e *edge) ask(tr fleet.Transport, method, uri, extra string) string {
	e.t.Helper()
	conn, err := net.Dial(tr.String(), e.sip.String())
	if err != nil {
		return ""
	}
	defer conn.Close()
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;rport;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: <sip:anna@west.test>;tag=1\r\nTo: <sip:bob@west.test>%s\r\nCall-ID: %d@test\r\nCSeq: 1 %s\r\nContact: <sip:anna@127.0.0.1:9>\r\n%sContent-Length: 0\r\n\r\n",
		method, uri, strings.ToUpper(tr.String()), conn.LocalAddr(), time.Now().UnixNano(), tagIn(extra), time.Now().UnixNano(), method, strings.TrimPrefix(extra, "tag"))
	conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte(text)); err != nil {
		return ""
	}
	b := make([]byte, 4096)
	n, _ := conn.Read(b)
	return string(b[:n])
}

func tagIn(extra string) string {
	if strings.HasPrefix(extra, "tag") {
		return ";tag=2"
	}
	return ""
}

func status(answer string) string {
	if len(answer) < 11 {
		return ""
	}
	return answer[8:11]
}

// eventually waits for what another process must bring about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func policy(r gate.Rule) gate.Policy {
	return gate.Policy{Rules: map[fleet.Transport]gate.Rule{fleet.UDP: r, fleet.TCP: r}, Emergency: []string{"911"}}
}

func follow(t *testing.T, d Driver) *Divert {
	t.Helper()
	f, err := New(Config{Driver: d, Transports: both, Every: 200 * time.Millisecond, Timeout: 3 * time.Second, Logger: zerolog.New(zerolog.NewTestWriter(t))})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := f.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return f
}

// TestKamailioRefuses goes through the phases: what a Kamailio with our snippet
// refuses, and what it lets pass.
func TestKamailioRefuses(t *testing.T) {
	e := newEdge(t)
	f := follow(t, &Kamailio{Address: e.rpc.String(), Transports: both})
	rules := []gate.Rule{{}, {Mode: gate.Draining, PassInvite: true}, {Mode: gate.Draining}, {Mode: gate.Closed}, {}}
	cases := []struct {
		name, method, uri, extra string
		want                     [5]string
	}{
		{"register", "REGISTER", "sip:west.test", "", [5]string{"200", "503", "503", "503", "200"}},
		{"de-register", "REGISTER", "sip:west.test", "Expires: 0\r\n", [5]string{"200", "200", "200", "200", "200"}},
		{"subscribe", "SUBSCRIBE", "sip:bob@west.test", "", [5]string{"200", "503", "503", "503", "200"}},
		{"invite", "INVITE", "sip:bob@west.test", "", [5]string{"200", "200", "503", "503", "200"}},
		{"re-invite", "INVITE", "sip:bob@west.test", "tag", [5]string{"200", "200", "200", "200", "200"}},
		{"bye", "BYE", "sip:bob@west.test", "tag", [5]string{"200", "200", "200", "200", "200"}},
		{"emergency number", "INVITE", "sip:911@west.test", "", [5]string{"200", "200", "200", "200", "200"}},
		{"emergency urn", "INVITE", "urn:service:sos.fire", "", [5]string{"200", "200", "200", "200", "200"}},
		{"options", "OPTIONS", "sip:west.test", "", [5]string{"200", "200", "503", "503", "200"}},
	}
	for i, r := range rules {
		f.SetPolicy(policy(r))
		eventually(t, "the policy is seen", func() bool {
			seen := f.Policy().Rules[fleet.UDP]
			return f.Policy().Rules != nil && seen == r && f.Problem() == ""
		})
		for _, tr := range both {
			for _, c := range cases {
				got := e.ask(tr, c.method, c.uri, c.extra)
				if status(got) != c.want[i] || (status(got) == "503") != strings.Contains(got, "Retry-After: ") {
					t.Errorf("rule %d, %s, %s: %s, want %s", i, tr, c.name, got, c.want[i])
				}
			}
		}
	}
}

// TestKamailioRestarts: a restarted edge knows nothing; it is told anew, and
// while it is away the drain says so.
func TestKamailioRestarts(t *testing.T) {
	e := newEdge(t)
	f := follow(t, &Kamailio{Address: e.rpc.String(), Transports: both})
	f.SetPolicy(policy(gate.Rule{Mode: gate.Draining}))
	refuses := func() bool { return status(e.ask(fleet.UDP, "REGISTER", "sip:west.test", "")) == "503" }
	eventually(t, "it refuses", refuses)
	e.stop()
	eventually(t, "the problem is named", func() bool { return strings.Contains(f.Problem(), "the edge does not follow since") })
	e.start(e.cmd.Path)
	eventually(t, "it refuses again", refuses)
	eventually(t, "the problem is over", func() bool { return f.Problem() == "" })
}
