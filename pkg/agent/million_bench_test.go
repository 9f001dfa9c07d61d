package agent

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// BenchmarkMillion takes three agents through a life with ten tenants and with a
// million: import as the command does it, a change of the answers, a snapshot, a
// backup and its restore to answers, and the restart of one agent until it serves.
// The heap is that of all three agents in this process, by three.
func BenchmarkMillion(b *testing.B) {
	for _, n := range []int{10, 1_000_000} {
		b.Run(fmt.Sprint("tenants=", n), func(b *testing.B) {
			for b.Loop() {
				million(b, n)
			}
		})
	}
}

func million(b *testing.B, n int) {
	var seen witness
	w := newWorld(b, func(c *Config) {
		c.Raft.Compare = 0 // as the program does: every 10 s
		c.Reached = seen.member()
	})
	seen.dial(b, w)
	defer func() {
		for i := range w.agents {
			w.stop(i)
		}
	}()
	ms := func(what string, since time.Time) {
		b.ReportMetric(float64(time.Since(since).Microseconds())/1000, what+"-ms")
	}
	parts := tenantRows(w, n)

	start := time.Now()
	w.importTenants(b, parts)
	ms("import", start)

	// Changes of the answers: the worst of the first ten, while the disk still takes
	// what the import left to write, and a hundred after that.
	b.ReportMetric(slices.Max(w.changes(b, &seen, 10)), "change-behind-import-worst-ms")
	w.settle(b)
	all := w.changes(b, &seen, 100)
	slices.Sort(all)
	b.ReportMetric(all[len(all)/2], "change-p50-ms")
	b.ReportMetric(all[len(all)*9/10], "change-p90-ms")

	a := w.agents[1]
	start = time.Now()
	if err := a.store.Snapshot(b.Context()); err != nil {
		b.Fatal(err)
	}
	ms("snapshot", start)

	var file bytes.Buffer
	start = time.Now()
	if err := a.Backup(b.Context(), &file, false); err != nil {
		b.Fatal(err)
	}
	ms("backup", start)
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	d, err := RunDrill(ctx, bytes.NewReader(file.Bytes()))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(d.Took.Milliseconds()), "restore-ms")
	file = bytes.Buffer{}

	debug.FreeOSMemory()
	var st runtime.MemStats
	runtime.ReadMemStats(&st)
	b.ReportMetric(float64(st.HeapAlloc)/(1<<20)/3, "heap-MiB/agent")

	start = time.Now()
	w.stop(1)
	if err := os.Remove(filepath.Join(w.cfgs[1].Dir, "served.json")); err != nil { // from the log alone
		b.Fatal(err)
	}
	stopped := time.Now()
	w.start(1)
	if err := w.agents[1].Ready(ctx); err != nil {
		b.Fatal(err)
	}
	ms("restart", stopped)
	ms("stop-and-restart", start)
}

// changes times changes of the answers, one after the other, in milliseconds.
func (w *world) changes(b *testing.B, seen *witness, n int) (ms []float64) {
	b.Helper()
	for i := range n {
		answered, _ := w.timeHold(b, seen, w.leader(), fmt.Sprint("change ", i))
		ms = append(ms, float64(answered.Microseconds())/1000)
	}
	return ms
}

// settle returns when every agent has kept the table of tenants that it serves.
func (w *world) settle(b *testing.B) {
	b.Helper()
	for _, a := range w.agents {
		w.eventually("the tenants are kept", func() bool {
			kept, ok, err := newMemory(a.cfg.Dir, a.log).load()
			return err == nil && ok && bytes.Equal(tableText(kept.Tenants), tableText(a.state().Tenants))
		})
	}
}

// tenantRows makes the parts of an import, as the command line does.
func tenantRows(w *world, n int) []string {
	f := w.agents[0].state().Fleet
	changes := make([]fleet.TenantChange, n)
	for i := range changes {
		changes[i] = fleet.TenantChange{Domain: fleet.TenantID(fmt.Sprintf("customer-%07d.%s", i, f.Zone)), Service: f.Services[i%len(f.Services)].Name}
	}
	return steer.TenantRows(changes, 600<<10)
}

// importTenants stages the parts and makes them visible.
func (w *world) importTenants(b *testing.B, parts []string) {
	b.Helper()
	do := func(kind steer.Kind, c *api.TenantChange) {
		b.Helper()
		if _, err := w.agents[w.leader()].Do(b.Context(), api.CommandRequest{Kind: string(kind), By: "bench", Reason: "import", Tenants: c}, false); err != nil {
			b.Fatalf("%s: %v", kind, err)
		}
	}
	for i, rows := range parts {
		do(steer.KindTenantStage, &api.TenantChange{Upload: "u", Part: i, Rows: rows})
	}
	do(steer.KindTenantCommit, &api.TenantChange{Upload: "u", Part: len(parts)})
}
