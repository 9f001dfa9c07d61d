package agent

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// BenchmarkAnswered measures from a command's issue, at the leader and at a
// follower that passes it on, until all three name servers answer with it, as a
// client on the wire sees it. "returned" is when the command itself comes back,
// having heard from every agent that it serves the change.
func BenchmarkAnswered(b *testing.B) {
	w := newWorld(b, nil)
	for _, at := range []string{"leader", "follower"} {
		for _, pace := range []time.Duration{0, 50 * time.Millisecond} {
			name := "issued-at-" + at + "/in-a-row"
			if pace > 0 {
				name = "issued-at-" + at + "/paced"
			}
			b.Run(name, func(b *testing.B) { w.benchAnswered(b, at == "follower", pace) })
		}
	}
}

// benchAnswered issues one hold after the other, at most one in each pace.
func (w *world) benchAnswered(b *testing.B, atFollower bool, pace time.Duration) {
	var answered, returned []time.Duration
	for i := 0; b.Loop(); i++ {
		rest := time.NewTimer(pace)
		issuer := w.leader()
		if atFollower {
			issuer = (issuer + 1) % len(w.agents)
		}
		a, r := w.timeHold(b, issuer, fmt.Sprintf("%s-%d", b.Name(), i))
		answered, returned = append(answered, a), append(returned, r)
		<-rest.C
	}
	quantiles(b, "answered", answered)
	quantiles(b, "returned", returned)
}

// timeHold issues a hold and watches the serial of all name servers.
func (w *world) timeHold(b *testing.B, issuer int, reason string) (answered, returned time.Duration) {
	b.Helper()
	before := w.agents[issuer].state().Epoch
	start := time.Now()
	var wg sync.WaitGroup
	seen := make([]time.Duration, len(w.agents))
	for i, a := range w.agents {
		server := a.dns.Addrs()[0]
		wg.Go(func() { seen[i] = untilSerial(b, server, uint32(before)+1, start) })
	}
	_, err := w.agents[issuer].Do(b.Context(), api.CommandRequest{Kind: string(steer.KindHold), By: "bench", Reason: reason, For: "1h"}, false)
	returned = time.Since(start)
	wg.Wait()
	if err != nil {
		b.Fatal(err)
	}
	return slices.Max(seen), returned
}

// untilSerial asks until the zone has at least the serial.
func untilSerial(b *testing.B, server netip.AddrPort, serial uint32, start time.Time) time.Duration {
	c := &dns.Client{Timeout: time.Second}
	conn, err := c.Dial(server.String())
	if err != nil {
		b.Error(err)
		return 0
	}
	defer conn.Close()
	q := new(dns.Msg)
	q.SetQuestion("voice.example.net.", dns.TypeSOA)
	pause := time.NewTicker(200 * time.Microsecond) // the servers share their processors with who asks
	defer pause.Stop()
	for time.Since(start) < patience {
		q.Id = dns.Id()
		answer, _, err := c.ExchangeWithConn(q, conn)
		if err == nil && len(answer.Answer) == 1 && answer.Answer[0].(*dns.SOA).Serial >= serial {
			return time.Since(start)
		}
		<-pause.C
	}
	b.Errorf("%s does not answer serial %d", server, serial)
	return 0
}

func quantiles(b *testing.B, what string, times []time.Duration) {
	slices.Sort(times)
	for _, q := range []int{50, 99} {
		b.ReportMetric(float64(times[len(times)*q/100].Microseconds())/1000, fmt.Sprintf("%s-p%d-ms", what, q))
	}
}
