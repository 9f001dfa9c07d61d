package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/sim"
)

// simulateCmd plays a scenario in virtual time.
func (a *app) simulateCmd() *cobra.Command {
	var vs, svg string
	var seed int64
	c := &cobra.Command{
		Use: "simulate FILE", Short: "Play a scenario in virtual time: phones, faults, and what would be decided",
		Args: exactArgs("FILE"),
		Long: `Plays a scenario file in virtual time: phones and resolvers that behave as real
ones were seen to, links, softswitches with a capacity, and faults, around the
very functions that decide in a running fleet. It needs no agent and touches no
network. The form of the file is documented in docs/scenarios.md.

With --vs the same scenario is played under another policy: OTHER is a fleet
file, or a scenario of its own. The exit code is 1 when an expectation of the
scenario is not met.`,
		Example: `  sipsteer simulate examples/incidents/calgary-tls/scenario.yaml
  sipsteer simulate scenario.yaml --vs fleet-careful.yaml
  sipsteer simulate scenario.yaml --svg phones.svg --json`,
	}
	c.Flags().StringVar(&vs, "vs", "", "play the scenario under this fleet file too, or this other scenario, and compare")
	c.Flags().StringVar(&svg, "svg", "", "write a picture of where the phones are served to this file")
	c.Flags().Int64Var(&seed, "seed", 0, "seed of everything random; default the scenario's")
	c.RunE = run(func(_ *cobra.Command, args []string) error {
		cfg, err := loadScenario(args[0], seed)
		if err != nil {
			return err
		}
		r, err := sim.Run(cfg)
		if err != nil {
			return fmt.Errorf("simulate %s: %w", args[0], err)
		}
		if svg != "" {
			if err := writeSVG(svg, r); err != nil {
				return err
			}
		}
		if vs != "" {
			return a.compare(cfg, r, args[0], vs, seed)
		}
		if a.json {
			a.printJSON(r)
		} else {
			r.Write(a.streams.Out)
		}
		if !r.Met() {
			return &exitError{1}
		}
		return nil
	})
	return c
}

// loadScenario reads a scenario and the fleet file that it names.
func loadScenario(path string, seed int64) (sim.Config, error) {
	var sc sim.Scenario
	if err := config.Load(path, &sc, func() []fleet.Problem { return sim.Validate(sc, nil) }); err != nil {
		return sim.Config{}, err
	}
	f, err := config.LoadFleet(filepath.Join(filepath.Dir(path), sc.Fleet))
	if err != nil {
		return sim.Config{}, err
	}
	// Once more, with the names of the fleet.
	sc = sim.Scenario{}
	if err := config.Load(path, &sc, func() []fleet.Problem { return sim.Validate(sc, f) }); err != nil {
		return sim.Config{}, err
	}
	if seed != 0 {
		sc.Seed = seed
	}
	zone, err := config.TimeZone(f.Policy.Failback.Zone())
	if err != nil {
		return sim.Config{}, err
	}
	return sim.Config{Scenario: sc, Fleet: *f, Zone: zone}, nil
}

// zoneKey tells a fleet file from a scenario.
var zoneKey = regexp.MustCompile(`(?m)^zone\s*:`)

// compare plays the scenario under another policy and prints both.
func (a *app) compare(cfg sim.Config, first *sim.Result, path, other string, seed int64) error {
	text, err := os.ReadFile(other)
	if err != nil {
		return &usageError{err.Error(), "--vs takes a fleet file or a scenario"}
	}
	if zoneKey.Match(text) {
		f, err := config.LoadFleet(other)
		if err != nil {
			return err
		}
		cfg.Fleet = *f
	} else if cfg, err = loadScenario(other, seed); err != nil {
		return err
	}
	second, err := sim.Run(cfg)
	if err != nil {
		return fmt.Errorf("simulate under %s: %w", other, err)
	}
	if a.json {
		a.printJSON(map[string]*sim.Result{path: first, other: second})
		return nil
	}
	sim.Compare(a.streams.Out, filepath.Base(path), first, filepath.Base(other), second)
	return nil
}

func writeSVG(path string, r *sim.Result) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	if err := r.WriteSVG(f); err != nil {
		_ = f.Close() // the first error counts
		return fmt.Errorf("write picture: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}
