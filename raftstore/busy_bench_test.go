package raftstore_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// BenchmarkBusyMachine lets three members live in a process whose every
// processor has two goroutines that never rest, and a writer; it reports how
// many times the leader changed for no reason. One iteration is a commit.
func BenchmarkBusyMachine(b *testing.B) {
	for _, heartbeat := range []time.Duration{60, 120, 240} {
		b.Run(fmt.Sprintf("heartbeat=%dms", heartbeat), func(b *testing.B) {
			busyMachine(b, heartbeat*time.Millisecond)
		})
	}
}

func busyMachine(b *testing.B, heartbeat time.Duration) {
	c := raftstoretest.OnDisk(b, 3)
	defer c.Stop()
	c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) {
		cfg.Profile = raftstore.LAN()
		cfg.Profile.Heartbeat, cfg.Profile.Election, cfg.Profile.Lease = heartbeat, heartbeat, heartbeat
	}
	c.Start()
	first := c.Propose("first")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for x := 1.0; ; x *= 1.000001 {
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	times := make([]time.Duration, b.N)
	b.ResetTimer()
	for i := range b.N {
		start := time.Now()
		for committed := false; !committed; {
			_, err := c.Leader().Store.Propose(b.Context(), benchEntry)
			committed = err == nil
		}
		times[i] = time.Since(start)
	}
	b.StopTimer()
	close(stop)
	wg.Wait()
	report(b, times, "")
	b.ReportMetric(float64(c.Propose("last").Term-first.Term), "elections")
}
