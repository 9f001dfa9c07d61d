package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// stale asks a name server for west over UDP and reports its first target and
// whether it says that the answer is kept from an earlier time.
func (l *testLab) stale(server string) (target string, stale bool) {
	q := new(dns.Msg)
	q.SetQuestion(westUDP+".voice.example.net.", dns.TypeSRV)
	q.SetEdns0(1232, false)
	a, err := dns.Exchange(q, server)
	if err != nil || len(a.Answer) == 0 {
		return "", false
	}
	for _, o := range a.IsEdns0().Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			stale = e.InfoCode == dns.ExtendedErrorCodeStaleAnswer
		}
	}
	best := a.Answer[0].(*dns.SRV)
	for _, rr := range a.Answer {
		if s := rr.(*dns.SRV); s.Priority < best.Priority {
			best = s
		}
	}
	return best.Target, stale
}

// TestAnswersWithoutAStore starts an agent whose disk refuses, and one whose log
// is torn while nobody is there to repair it: both answer the last decision, say
// what to do, and take part again by themselves when they can.
func TestAnswersWithoutAStore(t *testing.T) {
	l := newLab(t)
	calgary, dir := l.servers()[0].String(), filepath.Join(l.dir, "data", "calgary")
	l.must(0, "drain", "calgary", "--now", "--reason", "kernel", "--for", "1h", "--yes")
	epoch := fmt.Sprintf(`"epoch":%d,`, l.status().Epoch)
	eventually(t, "calgary keeps what it serves", patience, func() bool { // it does so behind its answers
		kept, _ := os.ReadFile(filepath.Join(dir, "served.json"))
		return strings.Contains(string(kept), epoch)
	})
	l.must(0, "lab", "break", "calgary", "agent-kill")

	lock := filepath.Join(dir, "LOCK")
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(lock, 0o700); err != nil {
		t.Fatal(err)
	}
	l.must(0, "lab", "heal", "calgary")
	eventually(t, "calgary answers, and that it is of an earlier time", patience, func() bool {
		target, stale := l.stale(calgary)
		return strings.HasPrefix(target, "sip.vancouver") && stale
	})
	eventually(t, "the others see it", patience, func() bool {
		st := l.status()
		return st.Quorum && strings.Contains(st.Agents[0].Problem, "answers only") && strings.Contains(st.Agents[0].Problem, "make room")
	})
	if st := l.status(); st.Sites[0].Gate == "open" {
		t.Errorf("the gate of the drained site: %+v", st.Sites[0])
	}
	l.must(0, "hold", "--reason", "meanwhile", "--for", "1h", "--yes")
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	eventually(t, "calgary takes part again by itself", patience, func() bool {
		st := l.status()
		_, stale := l.stale(calgary)
		return st.Agents[0].Problem == "" && st.Agents[0].Epoch == st.Epoch && !stale
	})

	l.down()
	if err := os.WriteFile(filepath.Join(dir, "log.db"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	stop := l.runAgent(filepath.Join(l.dir, "calgary.yaml"))
	eventually(t, "calgary answers alone", patience, func() bool {
		target, stale := l.stale(calgary)
		return strings.HasPrefix(target, "sip.vancouver") && stale
	})
	var doctor result
	eventually(t, "its doctor names the file", patience, func() bool {
		doctor = l.run("doctor")
		return doctor.code != 4
	})
	if !strings.Contains(doctor.out, "log.db") || !strings.Contains(doctor.out, "agent rejoin") || !strings.Contains(doctor.out, "answers only") {
		t.Errorf("doctor:\n%s%s", doctor.out, doctor.err)
	}
	if r := l.must(4, "undrain", "calgary", "--yes"); !strings.Contains(r.err, "no quorum") {
		t.Errorf("a change at the agent that only answers: %s", r.err)
	}
	gate := l.place(0).Gate[fleet.TCP]
	if c, err := net.Dial("tcp", gate.String()); err != nil {
		t.Errorf("the gate is not there: %v", err)
	} else {
		c.Close()
	}
	stop()
	l.up()
	eventually(t, "calgary is repaired from the others", patience, func() bool { return l.member("calgary") == "voter" && l.status().Agents[0].Problem == "" })
	l.must(0, "undrain", "calgary", "--now", "--yes")
}
