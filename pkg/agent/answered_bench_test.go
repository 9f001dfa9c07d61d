package agent

import (
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// BenchmarkAnswered measures from a command's issue, at the leader and at a
// follower that passes it on, until all three name servers answer with it, as a
// client on the wire sees it. "returned" is when the command itself comes back,
// having heard from every agent that it serves the change.
//
// "bare" is a commit of the library alone: three members on the same disk, at
// the same pace, in turns with the commands. The other figures are the steps
// between: "first" and "last" agent that applies the decision, "served" by the
// last name server.
func BenchmarkAnswered(b *testing.B) {
	var seen witness
	room := HeapRoom(3) // as in the program
	defer runtime.KeepAlive(room)
	w := newWorld(b, func(cfg *Config) {
		cfg.Raft.Compare = 0 // likewise
		cfg.Reached = seen.member()
	})
	seen.dial(b, w)
	m := &answerMeter{world: w, seen: &seen, bare: raftstoretest.NewBare(b)}
	defer m.bare.Close()
	for _, at := range []string{"leader", "follower"} {
		for _, pace := range []time.Duration{0, 50 * time.Millisecond} {
			name := "issued-at-" + at + "/in-a-row"
			if pace > 0 {
				name = "issued-at-" + at + "/paced"
			}
			b.Run(name, func(b *testing.B) { m.run(b, at == "follower", pace) })
		}
	}
}

// answerMeter issues commands and watches the name servers.
type answerMeter struct {
	*world
	seen    *witness
	bare    *raftstoretest.Bare
	figures map[string][]time.Duration
}

// block is how many commits of the anchor, and then commands, follow each other:
// a block of commands is long enough for what the agents write behind them to
// fall into it, and settled is when that has ended.
const (
	block   = 100
	settled = keepRest + keepLatest
)

// run issues one hold after the other, at most one in each pace, and as many
// bare commits.
func (m *answerMeter) run(b *testing.B, atFollower bool, pace time.Duration) {
	m.figures = map[string][]time.Duration{}
	for i := 0; b.Loop(); i++ {
		if i%block == 0 {
			<-time.After(settled)
			for range block {
				rest := time.NewTimer(pace)
				m.timeBare(b)
				<-rest.C
			}
		}
		rest := time.NewTimer(pace)
		issuer := m.leader()
		if atFollower {
			issuer = (issuer + 1) % len(m.agents)
		}
		answered, returned := m.timeHold(b, m.seen, issuer, fmt.Sprintf("%s-%d", b.Name(), i))
		m.note("answered", answered)
		m.note("returned", returned)
		m.seen.stages(m.note)
		<-rest.C
	}
	for what, times := range m.figures {
		slices.Sort(times)
		for _, q := range []int{50, 99} {
			b.ReportMetric(float64(times[len(times)*q/100].Microseconds())/1000, fmt.Sprintf("%s-p%d-ms", what, q))
		}
	}
}

func (m *answerMeter) note(what string, took time.Duration) {
	m.figures[what] = append(m.figures[what], took)
}

// bareEntry is as long as a command.
var bareEntry = []byte(strings.Repeat("x", 200))

func (m *answerMeter) timeBare(b *testing.B) {
	start := time.Now()
	if err := m.bare.Propose(bareEntry); err != nil {
		b.Fatal(err)
	}
	m.note("bare", time.Since(start))
}

// timeHold issues a hold and asks all name servers for the serial.
func (w *world) timeHold(b *testing.B, seen *witness, issuer int, reason string) (answered, returned time.Duration) {
	b.Helper()
	epoch := w.agents[issuer].state().Epoch + 1
	start := seen.begin()
	done := make(chan error, 1)
	go func() { // the benchmark waits for it
		_, err := w.agents[issuer].Do(b.Context(), api.CommandRequest{Kind: string(steer.KindHold), By: "bench", Reason: reason, For: "1h"}, false)
		returned = time.Since(start)
		done <- err
	}()
	answered = seen.until(b, uint32(epoch))
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	return answered, returned
}

// witness asks all name servers for the serial of the zone, and notes when the
// agents come by the points of serving a decision.
type witness struct {
	servers []net.Conn
	query   []byte
	// served gets an agent's number when its name server has the decision: only
	// then it is asked, for questions take the processors from those that are to
	// answer.
	served chan int

	mu sync.Mutex
	// guarded by mu: of each agent, the first since start
	start               time.Time
	appliedAt, servedAt []time.Time
}

// member returns what is told of the points of one more agent.
func (w *witness) member() func(point string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := len(w.appliedAt)
	w.appliedAt, w.servedAt = append(w.appliedAt, time.Time{}), append(w.servedAt, time.Time{})
	w.served = make(chan int, i+1)
	return func(point string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case point == pointApplied && w.appliedAt[i].IsZero():
			w.appliedAt[i] = time.Now()
		case point == pointAnswered && w.servedAt[i].IsZero() && !w.start.IsZero():
			w.servedAt[i] = time.Now()
			w.served <- i
		}
	}
}

// dial connects to the name servers and makes the question.
func (w *witness) dial(b *testing.B, in *world) {
	b.Helper()
	for _, a := range in.agents {
		conn, err := net.Dial("udp", a.dns.Addrs()[0].String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		w.servers = append(w.servers, conn)
	}
	q := new(dns.Msg)
	q.SetQuestion("voice.example.net.", dns.TypeSOA)
	var err error
	if w.query, err = q.Pack(); err != nil {
		b.Fatal(err)
	}
}

// begin forgets the decision before.
func (w *witness) begin() (start time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start = time.Now()
	clear(w.appliedAt)
	clear(w.servedAt)
	return w.start
}

// until returns when the last name server answered with at least the serial.
func (w *witness) until(b *testing.B, serial uint32) time.Duration {
	b.Helper()
	late := time.After(patience)
	var last time.Duration
	for range w.servers {
		select {
		case i := <-w.served:
			for w.ask(b, w.servers[i]) < serial {
			}
			last = time.Since(w.start)
		case <-late:
			b.Fatalf("not all name servers have serial %d", serial)
		}
	}
	return last
}

// ask returns the serial in a name server's answer.
func (w *witness) ask(b *testing.B, server net.Conn) uint32 {
	b.Helper()
	if err := server.SetDeadline(time.Now().Add(patience)); err != nil {
		b.Fatal(err)
	}
	if _, err := server.Write(w.query); err != nil {
		b.Fatal(err)
	}
	var buf [512]byte
	n, err := server.Read(buf[:])
	if err != nil {
		b.Fatal(err)
	}
	var answer dns.Msg
	if err := answer.Unpack(buf[:n]); err != nil || len(answer.Answer) != 1 {
		b.Fatalf("answer %v, %v", &answer, err)
	}
	return answer.Answer[0].(*dns.SOA).Serial
}

// stages notes how long it took from start to each step.
func (w *witness) stages(note func(what string, took time.Duration)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	note("first", slices.MinFunc(w.appliedAt, time.Time.Compare).Sub(w.start))
	note("last", slices.MaxFunc(w.appliedAt, time.Time.Compare).Sub(w.start))
	note("served", slices.MaxFunc(w.servedAt, time.Time.Compare).Sub(w.start))
}
