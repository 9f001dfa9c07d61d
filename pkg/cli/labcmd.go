package cli

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/lab"
)

// defaultLabDir is where lab up keeps its fleet, and where client commands
// look when nothing else is said.
const defaultLabDir = "sipsteer-lab"

func (a *app) labCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "lab", Short: "Run a fleet of three sites on this machine, and break it",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Sprintf("unknown command %q for lab", args[0]), "sipsteer lab up, sipsteer lab break SITE FAULT, or sipsteer lab heal SITE"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.labUpCmd(), a.labBreakCmd(), a.labHealCmd())
	return c
}

func (a *app) labUpCmd() *cobra.Command {
	dir := defaultLabDir
	c := &cobra.Command{
		Use: "up", Short: "Start three agents, gates and softswitches; runs until interrupted", Args: exactArgs(),
		Long: `Starts three agents as processes of their own, with gates, in front of three
simulated softswitches, on loopback addresses. Prints ready when all three agents
serve. A directory that exists is continued: its fleet, its intents, its epoch.

Environment: SIPSTEER_LAB_PROBE_INTERVAL (default 1s), SIPSTEER_LAB_NET (second
octet of the addresses 127.NET.SITE.HOST, default 10).`,
		Example: "  sipsteer lab up\n  sipsteer lab break calgary tls-hang    # in another terminal\n  sipsteer status",
	}
	c.Flags().StringVar(&dir, "dir", dir, "where the fleet is kept")
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		cfg, err := a.labConfig(dir)
		if err != nil {
			return err
		}
		l, err := lab.New(cfg)
		if err != nil {
			return err
		}
		if err := l.Up(cmd.Context()); err != nil {
			return err
		}
		fmt.Fprintf(a.streams.Err, "client commands: export SIPSTEER_CONFIG=%s\n", l.ClientFile())
		fmt.Fprintln(a.streams.Out, "ready")
		<-cmd.Context().Done()
		fmt.Fprintln(a.streams.Err, "stopping")
		return l.Down()
	})
	return c
}

// labConfig reads the lab's environment.
func (a *app) labConfig(dir string) (lab.Config, error) {
	cfg := lab.Config{Dir: dir, Net: lab.DefaultNet, Interval: time.Second, Log: a.streams.Err}
	if v := a.env("SIPSTEER_LAB_PROBE_INTERVAL"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d < 50*time.Millisecond || d > time.Minute {
			return cfg, &usageError{fmt.Sprintf("SIPSTEER_LAB_PROBE_INTERVAL is %q", v), "a duration from 50ms to 1m, for example 1s"}
		}
		cfg.Interval = d
	}
	if v := a.env("SIPSTEER_LAB_NET"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 254 {
			return cfg, &usageError{fmt.Sprintf("SIPSTEER_LAB_NET is %q", v), "a number from 1 to 254"}
		}
		cfg.Net = n
	}
	exe, err := os.Executable()
	if err != nil {
		return cfg, fmt.Errorf("find this program: %w", err)
	}
	cfg.Executable = exe
	return cfg, nil
}

func (a *app) labBreakCmd() *cobra.Command {
	return &cobra.Command{
		Use: "break SITE FAULT", Short: "Break a site: " + strings.Join(lab.FaultNames(), ", "), Args: exactArgs("SITE", "FAULT"),
		Example: "  sipsteer lab break calgary tls-hang",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(lab.FaultNames(), args[1]) {
				return &usageError{fmt.Sprintf("no fault is called %q", args[1]), meant(args[1], lab.FaultNames()) + "one of " + strings.Join(lab.FaultNames(), ", ")}
			}
			return a.labOrder(cmd, args[0], args[1])
		}),
	}
}

func (a *app) labHealCmd() *cobra.Command {
	return &cobra.Command{
		Use: "heal SITE", Short: "Heal a site", Args: exactArgs("SITE"),
		Example: "  sipsteer lab heal calgary",
		RunE:    run(func(cmd *cobra.Command, args []string) error { return a.labOrder(cmd, args[0], "") }),
	}
}

func (a *app) labOrder(cmd *cobra.Command, site, fault string) error {
	file, err := a.clientFile()
	if err != nil {
		return err
	}
	if file.Lab == nil || file.Lab.Control == "" {
		return &usageError{"the client file is not a lab's", "sipsteer lab up, then give its client.yaml with --config"}
	}
	faults, err := lab.Order(cmd.Context(), file.Lab.Control, site, fault)
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(map[string]any{"faults": faults})
		return nil
	}
	for _, s := range lab.Sites() {
		state := faults[string(s)]
		if state == "" {
			state = "well"
		}
		fmt.Fprintf(a.streams.Out, "%-10s %s\n", s, state)
	}
	return nil
}
