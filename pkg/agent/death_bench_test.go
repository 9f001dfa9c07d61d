package agent

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

// BenchmarkDeath is the whole way of the fast profile of docs/verdicts.md, OPTIONS
// over UDP each 100 ms: from the death of a softswitch to the answer without its
// site at all three name servers. The agents, the softswitches and who asks the
// name servers are in this process, on loopback; each death has a fleet of its own,
// at another moment of the interval. So that no more is measured than an agent
// does, nothing else is checked.
func BenchmarkDeath(b *testing.B) {
	for _, fault := range []string{"closed", "silent"} {
		b.Run(fault, func(b *testing.B) {
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				took = append(took, timeDeath(b, fault == "silent", time.Duration(i*37%100)*time.Millisecond))
				b.StartTimer()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-worst")
		})
	}
}

// timeDeath lets calgary's softswitch die in a fleet that is well.
func timeDeath(b *testing.B, silent bool, moment time.Duration) time.Duration {
	b.Helper()
	switches := map[fleet.SiteID]*mortal{}
	w := newWorld(b, func(cfg *Config) {
		cfg.Raft.Compare = 0 // as in the program
		if len(switches) == 0 {
			fastFleet(b, cfg.Fleet, switches)
		}
	})
	defer func() {
		for i := range w.agents {
			w.stop(i)
		}
	}()
	w.eventually("all are up", func() bool {
		s := w.agents[0].state()
		for site := range switches {
			if s.SiteStatus(site, fleet.UDP) != health.Up {
				return false
			}
		}
		return true
	})
	<-time.After(time.Second + moment) // a leader looks on for a while before it acts
	start := time.Now()
	if silent {
		switches["calgary"].silent.Store(true)
	} else {
		switches["calgary"].conn.Close()
	}
	var wg sync.WaitGroup
	took := make([]time.Duration, len(w.agents))
	for i, a := range w.agents {
		wg.Go(func() { took[i] = untilWithout(b, a.dns.Addrs()[0], "sip.calgary.").Sub(start) })
	}
	wg.Wait()
	return slices.Max(took)
}

// fastFleet leaves of a fleet what is asked by OPTIONS over UDP, each 100 ms, and
// starts its softswitches.
func fastFleet(b *testing.B, f *fleet.Fleet, switches map[fleet.SiteID]*mortal) {
	b.Helper()
	f.Checks.Interval, f.Checks.Timeout, f.Checks.Burst = fleet.Duration(100*time.Millisecond), fleet.Duration(40*time.Millisecond), fleet.Duration(25*time.Millisecond)
	for i := range f.Services {
		f.Services[i].Transports = []fleet.Transport{fleet.UDP}
	}
	for i := range f.Sites {
		site := &f.Sites[i]
		m := startMortal(b, loopbacktest.AddrPort(b, 5060))
		switches[site.Name] = m
		site.Softswitches[0].Listeners = []fleet.Listener{{Transport: fleet.UDP, Address: m.addr}}
	}
}

// untilWithout asks a name server until the steered set leads no one to the target.
func untilWithout(b *testing.B, server netip.AddrPort, target string) time.Time {
	q := new(dns.Msg)
	q.SetQuestion("_sip._udp.west.voice.example.net.", dns.TypeSRV)
	c := dns.Client{Timeout: time.Second}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		answer, _, err := c.Exchange(q, server.String())
		leads := func(rr dns.RR) bool {
			s, ok := rr.(*dns.SRV)
			return ok && strings.HasPrefix(s.Target, target)
		}
		if err == nil && len(answer.Answer) > 0 && !slices.ContainsFunc(answer.Answer, leads) {
			return time.Now()
		}
		<-tick.C
	}
	b.Errorf("%s still leads to %s after %s", server, target, patience)
	return time.Now()
}

// mortal is a softswitch that answers OPTIONS over UDP until it dies.
type mortal struct {
	conn   *net.UDPConn
	addr   netip.AddrPort
	silent atomic.Bool
}

// startMortal ends with the benchmark.
func startMortal(b *testing.B, addr netip.AddrPort) *mortal {
	b.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		b.Fatal(err)
	}
	m := &mortal{conn: conn, addr: addr}
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.serve()
	}()
	b.Cleanup(func() {
		conn.Close()
		<-done
	})
	return m
}

func (m *mortal) serve() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := m.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if m.silent.Load() {
			continue
		}
		answer := []byte("SIP/2.0 200 OK\r\n")
		for line := range bytes.SplitSeq(buf[:n], []byte("\r\n")) {
			switch name, _, _ := bytes.Cut(line, []byte(":")); string(name) {
			case "To":
				answer = append(append(answer, line...), ";tag=1\r\n"...)
			case "Via", "From", "Call-ID", "CSeq":
				answer = append(append(answer, line...), "\r\n"...)
			}
		}
		_, _ = m.conn.WriteToUDPAddrPort(append(answer, "Content-Length: 0\r\n\r\n"...), from)
	}
}
