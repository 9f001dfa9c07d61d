package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

// crashVariable holds the crashed agent of a process that is to die.
const crashVariable = "SIPSTEER_TEST_CRASHED_AGENT"

// crashed is an agent that runs alone in a process of its own and kills it.
type crashed struct {
	Dir            string
	Raft, API      string
	DNS, Gate      netip.AddrPort
	Point          string // where it dies; "" makes one decision and ends well
	Pass           int    // which time it comes there
	AnsweredBefore bool   // an earlier life has answered
}

// config is a fleet of three sites with one agent.
func (c crashed) config() Config {
	f := fleettest.ThreeSites()
	site := f.Sites[0].Name
	return Config{
		Name: fleet.AgentID(site), Site: site, Dir: c.Dir, Fleet: &f, Version: "test", Logger: zerolog.Nop(), API: c.API, Behind: -1,
		Founders: []raftstore.Member{{ID: fleet.AgentID(site), Address: c.Raft, Voter: true}},
		Peers:    []Peer{{Name: fleet.AgentID(site), Site: site, Raft: c.Raft, API: c.API}},
		DNS:      dnsserver.Config{Listen: []netip.AddrPort{c.DNS}, Logger: zerolog.Nop()},
		Gate:     &gate.Config{Site: site, Listen: []gate.Listener{{Transport: fleet.UDP, Address: c.Gate}}, Logger: zerolog.Nop()},
		Raft:     RaftConfig{Listen: c.Raft, Advertise: c.Raft, Profile: raftstore.LAN()},
	}
}

// TestCrashedChild is run by TestKilledWhileServing.
func TestCrashedChild(t *testing.T) {
	text := os.Getenv(crashVariable)
	if text == "" {
		t.Skip("run by TestKilledWhileServing in a process of its own")
	}
	var c crashed
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	cfg := c.config()
	var a atomic.Pointer[Agent]
	var passed atomic.Int64
	var armed atomic.Bool
	cfg.Reached = func(now string) {
		if now == c.Point && armed.Load() && passed.Add(1) == int64(c.Pass) {
			fmt.Println("answered", a.Load().dns.Epoch())
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // not one step more
		}
	}
	w := &world{t: t, cfgs: []Config{cfg}, agents: []*Agent{nil}}
	w.start(0)
	a.Store(w.agents[0])
	defer w.stop(0)
	if c.AnsweredBefore {
		fmt.Println("first", c.answers(t), a.Load().dns.Epoch())
	}
	w.leader()
	w.eventually("a fleet", func() bool { return a.Load().state().Fleet != nil })
	w.hold(0, "awake "+strconv.Itoa(os.Getpid())) // comes behind everything that earlier lives decided
	w.eventually("answers and gate as decided", func() bool { return a.Load().served() })
	w.eventually("something that the next life begins with", func() bool {
		_, err := os.Stat(a.Load().mem.path)
		return err == nil
	})
	fmt.Println("has", a.Load().dns.Epoch(), reasons(a.Load()))
	armed.Store(true)
	for i := 0; i < 1 || c.Point != ""; i++ {
		reason := fmt.Sprintf("%d-%d", os.Getpid(), i)
		req := api.CommandRequest{Kind: "drain", Site: string(cfg.Site), By: "test", Reason: reason, For: "1h", Now: true, Override: []string{"target-proven", "min-sites", "capacity"}}
		if i%2 == 1 {
			req.Kind, req.For, req.Override = "undrain", "", []string{"manual-back"}
		}
		before := passed.Load()
		if _, err := a.Load().Do(t.Context(), req, false); err != nil {
			t.Fatal(err)
		}
		fmt.Println("ack", a.Load().dns.Epoch(), reason)
		if c.Point == pointKeptHalf || c.Point == pointKept || c.Point == pointLogged {
			// That is behind the answers: one decision for each time, not a thousand.
			w.eventually("it comes to "+c.Point, func() bool { return passed.Load() > before })
		}
	}
}

// answers is how many targets a steered name has.
func (c crashed) answers(t *testing.T) int {
	f := fleettest.ThreeSites()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := dnsserver.Ask(ctx, c.DNS, "_sip._udp."+string(f.Services[0].Name), "SRV", false)
	if err != nil {
		t.Fatal(err)
	}
	return len(r.Answer)
}

// served reports whether name server and gate say what was decided.
func (a *Agent) served() bool {
	s := a.state()
	now, _ := a.pub.served()
	return s.Fleet != nil && now.state.Epoch == s.Epoch && a.dns.Epoch() == s.Epoch &&
		maps.Equal(a.gate.Policy().Rules, gatePolicy(s, a.cfg.Site, now.dead).Rules)
}

// reasons are those of the drains.
func reasons(a *Agent) string {
	out := []string{"none"}
	for _, e := range a.state().Events {
		if e.By == "test" && !strings.Contains(e.Reason, " ") {
			out = append(out, e.Reason)
		}
	}
	return strings.Join(out, ",")
}

// TestKilledWhileServing lets an agent die between each two steps of serving a
// decision. Its next life begins with what was answered or acknowledged before, or
// with what is newer, before it has heard of a leader, also where the file of the
// served state had not got it; and its gate does as the answers say.
func TestKilledWhileServing(t *testing.T) {
	c := crashed{
		Dir: t.TempDir(), Raft: loopbacktest.AddrPort(t, 7000).String(), API: loopbacktest.AddrPort(t, 7001).String(),
		DNS: loopbacktest.AddrPort(t, 5300), Gate: loopbacktest.AddrPort(t, 5060),
	}
	var seen life
	for _, point := range []string{pointApplied, pointAnswered, pointGateTold, pointKeptHalf, pointKept, pointLogged} {
		for _, pass := range []int{1, 4} {
			c.Point, c.Pass = point, pass
			seen.run(t, c)
			c.AnsweredBefore = true
		}
	}
	c.Point = ""
	seen.run(t, c)
	if len(seen.acked) < 15 {
		t.Errorf("void: only %d decisions were acknowledged", len(seen.acked))
	}
}

// life is what was seen of an agent over its lives.
type life struct {
	answered uint64 // the newest epoch that was answered
	acked    []string
}

// run lets one process live, and looks at what it says.
func (l *life) run(t *testing.T, c crashed) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestCrashedChild$")
	cmd.Env = append(os.Environ(), crashVariable+"="+string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		said = append(said, lines.Text())
		l.hear(t, c, strings.Fields(lines.Text()))
	}
	err = cmd.Wait()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if killed := status.Signaled() && status.Signal() == syscall.SIGKILL; killed != (c.Point != "") || ctx.Err() != nil {
		t.Fatalf("%s, pass %d: ended after %s: %v\n%s", c.Point, c.Pass, time.Since(start).Round(time.Millisecond), err, strings.Join(said, "\n"))
	}
}

func (l *life) hear(t *testing.T, c crashed, words []string) {
	t.Helper()
	if len(words) < 2 {
		return
	}
	number := func(i int) uint64 {
		n, _ := strconv.ParseUint(words[i], 10, 64)
		return n
	}
	switch words[0] {
	case "first":
		if number(1) == 0 || number(2) < l.answered {
			t.Errorf("before %s: begins with %s targets of epoch %s; epoch %d was answered", c.Point, words[1], words[2], l.answered)
		}
	case "has":
		if number(1) <= l.answered {
			t.Errorf("before %s: after one more decision the epoch went from %d to %s", c.Point, l.answered, words[1])
		}
		have := strings.Split(words[len(words)-1], ",")
		// A State keeps steer.MaxEvents events, and a decision makes up to four.
		for _, r := range l.acked[max(0, len(l.acked)-steer.MaxEvents/5):] {
			if !slices.Contains(have, r) {
				t.Errorf("before %s: decision %s was acknowledged and is lost", c.Point, r)
			}
		}
	case "ack":
		l.answered = max(l.answered, number(1))
		l.acked = append(l.acked, words[2])
	case "answered":
		l.answered = max(l.answered, number(1))
	}
}
