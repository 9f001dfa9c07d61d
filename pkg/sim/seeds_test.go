package sim_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/sim"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestSeedsThatBrokeARule plays what the random mode found, made smaller and kept
// as files: every rule holds after every step. reached says that the scenario
// still comes to where the rule was broken; without it, it proves nothing.
func TestSeedsThatBrokeARule(t *testing.T) {
	reached := map[string]func(steer.State) bool{
		"last-site-coming-back": lastOneComesBackAndFails,
		"end-while-returning":   moreWaitsWhileLastOneReturns,

		"drain-ends-while-returning": moreWaitsWhileLastOneReturns,
	}
	dirs, err := filepath.Glob(filepath.Join("testdata", "seeds", "*"))
	if err != nil || len(dirs) != len(reached) {
		t.Fatalf("%d seeds and %d conditions: %v", len(dirs), len(reached), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			cfg, there := kept(t, dir), false
			cfg.Rest = sim.CheckRest
			cfg.Watch = func(s sim.Step) error {
				there = there || reached[filepath.Base(dir)](s.After)
				return sim.CheckStep(s)
			}
			if _, err := sim.Run(cfg); err != nil {
				t.Error(err)
			}
			if !there {
				t.Error("the scenario does not come any more to where the rule was broken")
			}
		})
	}
}

// kept reads a scenario and its fleet.
func kept(t *testing.T, dir string) (cfg sim.Config) {
	t.Helper()
	for name, v := range map[string]any{"scenario.yaml": &cfg.Scenario, "fleet.yaml": &cfg.Fleet} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	cfg.Fleet = cfg.Fleet.WithDefaults()
	if p := append(fleet.Validate(cfg.Fleet), sim.Validate(cfg.Scenario, &cfg.Fleet)...); len(p) > 0 {
		t.Fatalf("%s: %v", dir, p)
	}
	return cfg
}

// lastOneComesBackAndFails: a site that is on its way back is down, and nothing
// else is left in an answer.
func lastOneComesBackAndFails(s steer.State) bool {
	all := steer.Standings(s)
	return slices.ContainsFunc(all, func(x steer.Standing) bool {
		return x.Place == steer.Returning && x.Status == health.Down && !slices.ContainsFunc(all, func(y steer.Standing) bool {
			return y.Service == x.Service && y.Transport == x.Transport && y.Site != x.Site && y.Place != steer.Gone
		})
	})
}

// moreWaitsWhileLastOneReturns: the last site of an answer is on its way back, and
// more of the site waits for that.
func moreWaitsWhileLastOneReturns(s steer.State) bool {
	all := steer.Standings(s)
	return slices.ContainsFunc(s.Failbacks, func(f steer.Failback) bool {
		first := s.ReturnBefore(&f)
		return first != nil && slices.ContainsFunc(first.Slots, func(x steer.Slot) bool {
			return !slices.ContainsFunc(all, func(y steer.Standing) bool {
				return y.Service == x.Service && y.Transport == x.Transport && y.Site != x.Site && y.Place != steer.Gone
			})
		})
	})
}
