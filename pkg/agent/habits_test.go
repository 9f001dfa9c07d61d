package agent

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// TestHabitsAreKeptOverARestart: what is usual for a source is written and read
// back; a file that is damaged, of another program, or old costs the knowledge and
// not the agent.
func TestHabitsAreKeptOverARestart(t *testing.T) {
	dir := t.TempDir()
	agent := func() *Agent {
		return &Agent{cfg: Config{Dir: dir}, log: zerolog.Nop(), traffic: newTraffic("calgary", nil, byDefault)}
	}
	trunk := gate.SourceRate{Prefix: netip.MustParsePrefix("198.51.100.1/32"), PerSecond: 60}
	known := func() float64 {
		a := agent()
		if err := a.recallHabits(); err != nil {
			t.Fatal(err)
		}
		for _, h := range a.traffic.sources.Habits().Habits {
			if h.Source == trunk.Prefix {
				return h.PerSecond
			}
		}
		return 0
	}
	a := agent()
	a.keepHabits() // nothing yet: no file
	if _, err := os.Stat(filepath.Join(dir, habitsFile)); err == nil || known() != 0 {
		t.Fatalf("nothing was learnt, and kept: %v", err)
	}
	now := time.Now().Add(-time.Hour)
	for range 359 {
		now = now.Add(10 * time.Second)
		a.traffic.sources.Look(now, []health.SourceRate{health.SourceRate(trunk)}, health.LoudLimits{Least: 50, Times: 10, Learn: 10 * time.Minute})
	}
	a.keepHabits()
	if got := known(); got < 50 || got > 60 {
		t.Errorf("usual is %v, want near 60", got)
	}
	file := filepath.Join(dir, habitsFile)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		damaged := append([]byte{}, whole...)
		damaged[i] ^= 0x20
		if err := os.WriteFile(file, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := known(); got != 0 {
			t.Fatalf("octet %d is damaged, and %v is usual", i, got)
		}
	}
	for name, text := range map[string]string{"another format": `{"format":2}`, "no JSON": `hello`} {
		if err := replaceFile(file, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := known(); got != 0 {
			t.Errorf("%s: %v is usual", name, got)
		}
	}
}
