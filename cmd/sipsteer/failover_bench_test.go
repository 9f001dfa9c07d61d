package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/lab/dnswatch"
	"github.com/sipsteer/sipsteer/pkg/lab/softswitch"
)

// BenchmarkFailover measures, from outside, the time from a fault until all
// three name servers answer without the site. Each round breaks calgary anew at
// another moment of the probe interval. It reports the median and the worst. Three
// sites with probes each 100 ms do not fit into two processors: false alarms of
// other sites hold the move back (docs/verdicts.md says how often they come).
func BenchmarkFailover(b *testing.B) {
	all := []string{westUDP, westTCP, westTLS, eastUDP}
	for _, f := range []struct {
		interval time.Duration
		fault    softswitch.Fault
		names    []string
	}{
		{time.Second, softswitch.Down, all},
		{time.Second, softswitch.Hang, all},
		{time.Second, softswitch.TLSHang, []string{westTLS}},
	} {
		b.Run(fmt.Sprintf("%s/%s", f.interval, f.fault), func(b *testing.B) {
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				// A softswitch that fell before is held down for longer: each
				// round has a fleet of its own.
				l := benchLab(b, f.interval)
				l.settle(b, time.Duration(i%10)*l.interval/10)
				b.StartTimer()
				took = append(took, l.breakAndWait(b, f.fault, f.names))
				b.StopTimer()
				l.end(b)
				b.StartTimer()
			}
			report(b, took)
		})
	}
}

// BenchmarkDrain measures the operator's drain --now until all three name
// servers answer without the site, as the command sees it.
func BenchmarkDrain(b *testing.B) {
	l := benchLab(b, time.Second)
	defer l.end(b)
	l.settle(b, 0)
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		l.command(b, "drain", "calgary", "--now", "--reason", "bench", "--for", "1h", "--yes")
		took = append(took, time.Since(start))
		b.StopTimer()
		l.command(b, "undrain", "calgary", "--now", "--yes")
		b.StartTimer()
	}
	report(b, took)
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms-median")
	b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "ms-worst")
}

// benchmarkLab is a lab in this process (its agents are processes of their own).
type benchmarkLab struct {
	*lab.Lab
	interval time.Duration
	watch    *dnswatch.Watch
}

func benchLab(b *testing.B, interval time.Duration) *benchmarkLab {
	b.Helper()
	b.Setenv(runMain, "1")
	exe := executable(b)
	cfg := lab.Config{Dir: b.TempDir(), Net: 250, Interval: interval, Executable: exe}
	l, err := lab.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Up(b.Context()); err != nil {
		b.Fatal(err)
	}
	out := &benchmarkLab{Lab: l, interval: cfg.Interval}
	var names []string
	for _, n := range []string{westUDP, westTCP, westTLS, eastUDP} {
		names = append(names, n+"."+lab.Zone+".")
	}
	watch := dnswatch.Config{Names: names, Interval: 5 * time.Millisecond, Timeout: time.Second}
	for _, p := range l.Layout().Places() {
		watch.Servers = append(watch.Servers, p.DNS)
	}
	out.watch = dnswatch.Start(watch)
	return out
}

// settle waits until everything is known to be up and the leader may act, and
// then until the given moment of the probe interval.
func (l *benchmarkLab) settle(b *testing.B, moment time.Duration) {
	up := poll(30*time.Second, func() bool {
		var out bytes.Buffer
		cmd := l.program(b, "status", "--json")
		cmd.Stdout = &out
		return cmd.Run() == nil && strings.Count(out.String(), `"unknown"`)+strings.Count(out.String(), `"down"`) == 0
	})
	if !up {
		b.Fatal("the lab is not well")
	}
	wait(b, 3*l.interval+moment)
}

func (l *benchmarkLab) end(b *testing.B) {
	l.watch.Stop()
	if err := l.Down(); err != nil {
		b.Error(err)
	}
}

func (l *benchmarkLab) breakAndWait(b *testing.B, fault softswitch.Fault, names []string) time.Duration {
	start := time.Now()
	if err := l.Break("calgary", string(fault)); err != nil {
		b.Fatal(err)
	}
	deadline := start.Add(20 * time.Second)
	for {
		var last time.Duration
		all := true
		for _, n := range names {
			d, ok := l.watch.WithoutSince(n+"."+lab.Zone+".", "sip.calgary."+lab.Zone+".", start)
			all, last = all && ok, max(last, d)
		}
		if all {
			return last
		}
		if time.Now().After(deadline) {
			b.Fatalf("calgary is answered 20 s after %s", fault)
		}
		wait(b, time.Millisecond)
	}
}

func (l *benchmarkLab) program(b *testing.B, args ...string) *exec.Cmd {
	return program(b, []string{"SIPSTEER_CONFIG=" + l.ClientFile()}, args...)
}

func (l *benchmarkLab) command(b *testing.B, args ...string) {
	cmd := l.program(b, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		b.Fatalf("%v: %v\n%s", args, err, &out)
	}
}

// wait lets time pass in a benchmark, where time is the point.
func wait(b *testing.B, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-b.Context().Done():
	}
}
