package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// root puts the commands together.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "sipsteer",
		Short:         "Move phones and trunks away from a sick site in seconds, and back without a second outage",
		SilenceErrors: true,
		SilenceUsage:  true, // a hint says what to type; standard output is for data
		Long: `sipsteer steers SIP phones and trunks between the sites of a VoIP provider.
An agent at each site probes the softswitches, agrees with the others by Raft,
answers the phones' DNS and, where a site is drained or dead, refuses with 503.

Start with:   sipsteer demo
Operate with: sipsteer status, plan, drain, failover, failback, why
Exit codes:   0 done and its effect seen, 1 failed, 2 wrong usage or invalid
              input, 3 refused by a guard, 4 no quorum or no agent reachable`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			var names []string
			for _, c := range cmd.Commands() {
				names = append(names, c.Name())
			}
			return &usageError{fmt.Sprintf("unknown command %q", args[0]), meant(args[0], names) + "sipsteer --help   # lists the commands"}
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{err.Error(), cmd.CommandPath() + " --help"}
	})
	root.PersistentFlags().StringVar(&a.config, "config", "", "client.yaml (or agent.yaml for the agent command); default $SIPSTEER_CONFIG, the current context, ./sipsteer-lab/client.yaml, ~/.config/sipsteer/client.yaml, /etc/sipsteer/client.yaml")
	root.PersistentFlags().StringVar(&a.context, "context", "", "which fleet, by its name in sipsteer context list; default $SIPSTEER_CONTEXT, then the current one")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON")
	root.AddGroup(
		&cobra.Group{ID: "look", Title: "Look:"},
		&cobra.Group{ID: "act", Title: "Act:"},
		&cobra.Group{ID: "run", Title: "Run:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("look", a.statusCmd(), a.whyCmd(), a.historyCmd(), a.planCmd(), a.simulateCmd())
	add("act", a.drainCmd(), a.undrainCmd(), a.failoverCmd(), a.failbackCmd(), a.approveCmd(), a.tenantCmd(), a.holdCmd(), a.releaseCmd(), a.silenceCmd(), a.ackCmd(), a.applyCmd())
	add("look", a.incidentCmd(), a.reportCmd())
	add("act", a.runbookCmd(), a.drillCmd())
	add("look", a.readinessCmd())
	add("look", a.gateCmd(), a.stragglersCmd())
	add("look", a.dnsCmd())
	a.storeCommands(add)
	add("run", a.agentCmd(), a.configCmd(), a.labCmd(), a.demoCmd(), a.versionCmd(), a.manCmd(), a.contextCmd())
	add("run", a.certCmd())
	add("look", a.checksCmd(), a.probeCmd(), a.parityCmd())
	return root
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version and how the program was built", Args: exactArgs(),
		Example: "  sipsteer version --json",
		RunE: run(func(*cobra.Command, []string) error {
			if a.json {
				a.printJSON(map[string]string{"version": a.version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
				return nil
			}
			fmt.Fprintf(a.streams.Out, "sipsteer %s (%s, %s/%s)\n", a.version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		}),
	}
}
