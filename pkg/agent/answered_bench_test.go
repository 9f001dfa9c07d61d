package agent

import (
	"fmt"
	"net"
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
	var clock stageClock
	w := newWorld(b, func(cfg *Config) {
		cfg.Raft.Compare = 0 // as in the program
		cfg.Reached = clock.member()
	})
	m := &answerMeter{world: w, asks: newAsker(b, w), clock: &clock, bare: raftstoretest.NewBare(b)}
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
	asks    *asker
	clock   *stageClock
	bare    *raftstoretest.Bare
	figures map[string][]time.Duration
}

// block is how many commits of the anchor, and then commands, follow each other.
const block = 20

// run issues one hold after the other, at most one in each pace, and as many
// bare commits.
func (m *answerMeter) run(b *testing.B, atFollower bool, pace time.Duration) {
	m.figures = map[string][]time.Duration{}
	for i := 0; b.Loop(); i++ {
		if i%block == 0 {
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
		m.clock.begin()
		start := time.Now()
		answered, returned := m.timeHold(b, m.asks, issuer, fmt.Sprintf("%s-%d", b.Name(), i))
		m.note("answered", answered)
		m.note("returned", returned)
		m.clock.stages(start, m.note)
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

// timeHold issues a hold and watches the serial of all name servers.
func (w *world) timeHold(b *testing.B, asks *asker, issuer int, reason string) (answered, returned time.Duration) {
	b.Helper()
	epoch := w.agents[issuer].state().Epoch + 1
	start := time.Now()
	done := make(chan error, 1)
	go func() { // the benchmark waits for it
		_, err := w.agents[issuer].Do(b.Context(), api.CommandRequest{Kind: string(steer.KindHold), By: "bench", Reason: reason, For: "1h"}, false)
		returned = time.Since(start)
		done <- err
	}()
	answered = asks.until(b, uint32(epoch), start)
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	return answered, returned
}

// The servers share their processors with who asks: nothing is durable before
// askFrom, and later questions come askEvery.
const (
	askFrom  = 500 * time.Microsecond
	askEvery = 200 * time.Microsecond
)

// asker asks all name servers for the serial of the zone.
type asker struct {
	servers []net.Conn
	query   []byte
}

func newAsker(b *testing.B, w *world) *asker {
	b.Helper()
	m := &asker{}
	for _, a := range w.agents {
		conn, err := net.Dial("udp", a.dns.Addrs()[0].String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		m.servers = append(m.servers, conn)
	}
	q := new(dns.Msg)
	q.SetQuestion("voice.example.net.", dns.TypeSOA)
	var err error
	if m.query, err = q.Pack(); err != nil {
		b.Fatal(err)
	}
	return m
}

// until asks each name server until its zone has at least the serial, and
// returns when the last one had.
func (m *asker) until(b *testing.B, serial uint32, start time.Time) time.Duration {
	b.Helper()
	var last time.Duration
	<-time.After(askFrom - time.Since(start))
	waiting := slices.Clone(m.servers)
	for len(waiting) > 0 {
		for _, s := range waiting {
			m.ask(b, s)
		}
		waiting = slices.DeleteFunc(waiting, func(s net.Conn) bool {
			has := m.heard(b, s) >= serial
			if has {
				last = time.Since(start)
			}
			return has
		})
		if time.Since(start) > patience {
			b.Fatalf("%d name servers do not answer serial %d", len(waiting), serial)
		}
		if len(waiting) > 0 {
			<-time.After(askEvery)
		}
	}
	return last
}

func (m *asker) ask(b *testing.B, server net.Conn) {
	if _, err := server.Write(m.query); err != nil {
		b.Fatal(err)
	}
}

// heard returns the serial in the answer, or 0.
func (m *asker) heard(b *testing.B, server net.Conn) uint32 {
	var buf [512]byte
	if err := server.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		b.Fatal(err)
	}
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

// stageClock notes when the agents come by the points of serving a decision.
type stageClock struct {
	mu sync.Mutex
	// guarded by mu: of each agent, the first since begin
	applied, served []time.Time
}

// member returns what is told of the points of one more agent.
func (c *stageClock) member() func(point string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := len(c.applied)
	c.applied, c.served = append(c.applied, time.Time{}), append(c.served, time.Time{})
	return func(point string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case point == pointApplied && c.applied[i].IsZero():
			c.applied[i] = time.Now()
		case point == pointAnswered && c.served[i].IsZero():
			c.served[i] = time.Now()
		}
	}
}

func (c *stageClock) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.applied)
	clear(c.served)
}

// stages notes how long it took from start to each step.
func (c *stageClock) stages(start time.Time, note func(what string, took time.Duration)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	note("first", slices.MinFunc(c.applied, time.Time.Compare).Sub(start))
	note("last", slices.MaxFunc(c.applied, time.Time.Compare).Sub(start))
	note("served", slices.MaxFunc(c.served, time.Time.Compare).Sub(start))
}
