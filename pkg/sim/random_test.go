package sim_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/sim"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

var (
	seeds = flag.Int("sim.seeds", 0, "how many random scenarios are played; default 1000, and 100 with -short or the race detector; make sim plays 10000")
	first = flag.Int64("sim.first", 1, "the first seed")
)

// TestRulesHoldInRandomIncidents plays random scenarios and checks every rule
// after every command. A seed that breaks one is made smaller, and written to a
// file that sipsteer simulate plays.
func TestRulesHoldInRandomIncidents(t *testing.T) {
	n := int64(*seeds)
	switch {
	case n > 0:
	case testing.Short() || raceEnabled:
		n = 100
	default:
		n = 1000
	}
	var steps, moves, refused, expected atomic.Int64
	var next atomic.Int64
	next.Store(*first)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed >= *first+n || t.Failed() {
					return
				}
				cfg := sim.Random(seed)
				r, err := play(cfg, &steps, &expected)
				if err != nil {
					t.Errorf("seed %d: %v; made smaller in %s", seed, err, shrunk(t, cfg))
					return
				}
				moves.Add(int64(r.Moves))
				for _, o := range r.Orders {
					if o.Error != "" {
						refused.Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d scenarios, %d steps, %d moves by automation, %d orders refused, %d failovers at their end, %d failures in maintenance", n, steps.Load(), moves.Load(), refused.Load(), ended.Load(), expected.Load())
	if !t.Failed() && (moves.Load() < n/20 || refused.Load() < n/20 || ended.Load() < n/200 || expected.Load() < n/50 || steps.Load() < 5*n) {
		t.Error("too little happened for the rules to be tried")
	}
}

// ended counts the failovers whose time was over in random scenarios.
var ended atomic.Int64

// play runs a scenario under all rules. expected counts the failures that began in
// maintenance.
func play(cfg sim.Config, steps, expected *atomic.Int64) (*sim.Result, error) {
	cfg.Watch = func(s sim.Step) error {
		if steps != nil {
			steps.Add(1)
		}
		if steps != nil && s.Command.Kind == steer.KindOutExpire {
			ended.Add(1)
		}
		if expected != nil {
			expected.Add(int64(max(0, quiet(s.After)-quiet(s.Before))))
		}
		return sim.CheckStep(s)
	}
	cfg.Rest = sim.CheckRest
	return sim.Run(cfg)
}

// quiet counts the checks that fail in maintenance.
func quiet(s steer.State) (n int) {
	for i := range s.Verdicts {
		if s.Verdicts[i].Quiet() {
			n++
		}
	}
	return n
}

// shrunk takes away what is not needed to break the rule, and writes the rest.
func shrunk(t *testing.T, cfg sim.Config) string {
	t.Helper()
	for again := true; again; {
		again = false
		for i := range cfg.Scenario.Faults {
			less := cfg
			less.Scenario.Faults = slices.Delete(slices.Clone(cfg.Scenario.Faults), i, i+1)
			if _, err := play(less, nil, nil); err != nil {
				cfg, again = less, true
				break
			}
		}
		for i := range cfg.Scenario.Operators {
			less := cfg
			less.Scenario.Operators = slices.Delete(slices.Clone(cfg.Scenario.Operators), i, i+1)
			if _, err := play(less, nil, nil); err != nil {
				cfg, again = less, true
				break
			}
		}
	}
	dir, err := os.MkdirTemp("", "sipsteer-broken-rule-")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Scenario.Fleet = "fleet.yaml"
	for name, v := range map[string]any{"scenario.yaml": cfg.Scenario, "fleet.yaml": cfg.Fleet} {
		text, err := json.MarshalIndent(v, "", "  ") // JSON is YAML
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
