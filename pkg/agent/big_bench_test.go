package agent

import (
	"bytes"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

// BenchmarkTenants writes a snapshot of a State with many tenants, opens a store
// that has it, sums it up and backs it up. The heap is what one agent holds when
// it has done all that.
func BenchmarkTenants(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"10", 10}, {"1000000", 1_000_000}} {
		b.Run(size.name, func(b *testing.B) {
			c := content{state: stateWith(b, size.n)}
			for b.Loop() {
				bigState(b, c)
			}
		})
	}
}

func bigState(b *testing.B, c content) {
	b.Helper()
	dir := b.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	alone := []raftstore.Member{{ID: "a", Address: l.Addr().String(), Voter: true}}
	since := func(what string, start time.Time) {
		b.ReportMetric(float64(time.Since(start).Milliseconds()), what+"-ms")
	}

	start := time.Now()
	if err := raftstore.Plant(raftstore.Seed{ID: "a", Dir: dir, Members: alone, Index: 1, Term: 1, Write: c.encode}); err != nil {
		b.Fatal(err)
	}
	since("snapshot", start)

	start = time.Now()
	m := newMachine(zerolog.Nop(), func(s steer.State) { _ = steer.Records(s) })
	store, err := raftstore.Open(raftstore.Config{ID: "a", Dir: dir, Listener: l, Machine: m, Logger: zerolog.Nop()})
	if err != nil {
		b.Fatal(err)
	}
	since("restart", start)

	start = time.Now()
	if _, err := m.Sum()(); err != nil {
		b.Fatal(err)
	}
	since("sum", start)

	var file bytes.Buffer
	start = time.Now()
	if _, err := store.Backup(&file); err != nil {
		b.Fatal(err)
	}
	since("backup", start)
	b.ReportMetric(float64(file.Len())/(1<<20), "backup-MiB")
	start = time.Now()
	if _, err := ReadBackup(&file); err != nil {
		b.Fatal(err)
	}
	since("read-backup", start)
	file = bytes.Buffer{}
	b.ReportMetric(heapWith(m), "heap-MiB")
	if err := store.Abort(); err != nil {
		b.Fatal(err)
	}
}

// heapWith is the heap after a collection. What the benchmark itself keeps for
// the next round is in it too: the State is there twice.
func heapWith(m *machine) float64 {
	var st runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&st)
	runtime.KeepAlive(m)
	return float64(st.HeapAlloc) / (1 << 20)
}
