package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/agent"
	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/raftstore"
)

// memberTimeout bounds the wait for a change of the members to be in force.
const memberTimeout = 30 * time.Second

// memberCmds are the commands below agent that say which agents there are.
func (a *app) memberCmds() []*cobra.Command {
	return []*cobra.Command{
		a.agentInitCmd(), a.agentInviteCmd(), a.agentJoinCmd(), a.agentListCmd(), a.agentLeaveCmd(),
		a.agentVoteCmd("promote", true), a.agentVoteCmd("demote", false), a.agentRejoinCmd(), a.agentRecoverCmd(),
	}
}

func (a *app) agentInviteCmd() *cobra.Command {
	var req api.InviteRequest
	c := &cobra.Command{
		Use: "invite NAME", Short: "Make a token with which one agent may join, once", Args: exactArgs("NAME"),
		Long: `Makes a token for one agent. It works once, until it expires, and only with this
fleet: it holds the fingerprint of the fleet's authority.`,
		Example: "  sipsteer agent invite edmonton\n  sipsteer agent invite ns-east --non-voter --for 24h",
	}
	c.Flags().BoolVar(&req.NonVoter, "non-voter", false, "it gets everything and has no vote: for name servers anywhere")
	registryReason(c, &req.Reason)
	c.Flags().StringVar(&req.For, "for", "", "how long the token is good: default 1h, at most 168h")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		req.Agent = args[0]
		cs, err := a.clients()
		if err != nil {
			return err
		}
		i, err := each(cmd.Context(), cs, actTimeout, func(ctx context.Context, c *api.Client) (api.InviteAnswer, error) { return c.Invite(ctx, req) })
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(i)
			return nil
		}
		fmt.Fprintln(a.streams.Out, i.Token)
		fmt.Fprintf(a.streams.Err, "good until %s (UTC); at %s's machine: sipsteer agent join --config FILE --token TOKEN\n", i.Until.UTC().Format(time.DateTime), i.Agent)
		return nil
	})
	return c
}

func (a *app) agentJoinCmd() *cobra.Command {
	var token, tokenFile string
	c := &cobra.Command{
		Use: "join --config FILE --token TOKEN", Short: "Join a fleet with a token from agent invite", Args: exactArgs(),
		Long: `Makes this agent's key, has the fleet sign its identity, and becomes a member.
Start the agent then: it gets everything from the others, answers as soon as it has
it, and votes, if it shall, when it is level with them.

Where the fleet's authority is your own, put ca.pem, agent.pem and agent.key, which it
has signed for this agent, into the identity directory before.`,
		Example: "  sipsteer agent join --config edmonton.yaml --token-file token",
	}
	c.Flags().StringVar(&token, "token", "", "the token")
	c.Flags().StringVar(&tokenFile, "token-file", "", "file with the token: it is then not in the list of processes")
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		file, self, err := a.ownFile("join")
		if err != nil {
			return err
		}
		if tokenFile != "" {
			text, err := os.ReadFile(tokenFile)
			if err != nil {
				return &usageError{err.Error(), ""}
			}
			token = strings.TrimSpace(string(text))
		}
		if token == "" {
			return &usageError{"a token is required", "sipsteer agent invite " + string(self.Name) + "   # at the fleet, makes one"}
		}
		if pki.Exists(file.Identity) && raftstore.Exists(file.DataDir) {
			return &usageError{fmt.Sprintf("%s holds an identity: agent %s is in a fleet already", file.Identity, file.Name), "to come back with an empty store: sipsteer agent rejoin --config FILE"}
		}
		if err := agent.JoinFleet(cmd.Context(), token, self, file.Identity); err != nil {
			return fmt.Errorf("join: %w", err)
		}
		if a.json {
			a.printJSON(map[string]any{"agent": self.Name, "identity": file.Identity})
			return nil
		}
		fmt.Fprintf(a.streams.Out, "%s is in the fleet; start it: sipsteer agent --config %s\n", self.Name, a.config)
		return nil
	})
	return c
}

// ownFile reads the agent file that a command is about.
func (a *app) ownFile(verb string) (*config.Agent, agent.Peer, error) {
	if a.config == "" {
		return nil, agent.Peer{}, &usageError{"which agent?", "sipsteer agent " + verb + " --config agent.yaml"}
	}
	file, err := config.LoadAgent(a.config)
	if err != nil {
		return nil, agent.Peer{}, err
	}
	for _, p := range file.Peers {
		if p.Name == file.Name {
			return file, agent.Peer{Name: p.Name, Site: p.Site, Raft: p.Raft, API: p.API}, nil
		}
	}
	return nil, agent.Peer{}, fmt.Errorf("agent %s is not among its peers", file.Name)
}

func (a *app) agentListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the agents and what they are", Args: exactArgs(), Example: "  sipsteer agent list",
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cs, err := a.clients()
			if err != nil {
				return err
			}
			list, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) ([]api.Member, error) { return c.Members(ctx) })
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(list)
				return nil
			}
			rows := [][]string{{"AGENT", "SITE", "ROLE", "RAFT", "API", ""}}
			for _, m := range list {
				note := ""
				if m.Leader {
					note = "leader"
				} else if m.Becomes != m.Role {
					note = "becomes " + m.Becomes
				}
				rows = append(rows, []string{m.Name, m.Site, m.Role, m.Raft, m.API, note})
			}
			table(a.streams.Out, palette{a.colours()}, rows)
			return nil
		}),
	}
}

func (a *app) agentLeaveCmd() *cobra.Command {
	var yes bool
	var reason string
	c := &cobra.Command{
		Use: "leave NAME", Short: "End an agent's membership for good, and take its identity back", Args: exactArgs("NAME"),
		Long: `Takes an agent out of the fleet: one that moves away, or whose machine was lost.
Its certificate is refused from then on. It keeps answering what it knew until it is
stopped. To replace it, invite an agent, of the same name if you like.`,
		Example: "  sipsteer agent leave edmonton --reason \"machine was lost\" --yes",
	}
	registryReason(c, &reason)
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if !yes {
			return &usageError{"not confirmed", "sipsteer agent leave " + args[0] + " --yes"}
		}
		return a.changeMember(cmd.Context(), func(ctx context.Context, c *api.Client) error { return c.DropMember(ctx, args[0], reason) },
			func(list []api.Member) bool { return role(list, args[0]) == "" }, args[0]+" has left")
	})
	return c
}

func (a *app) agentVoteCmd(verb string, voter bool) *cobra.Command {
	short, want := "Give an agent a vote, when it is level with the others", "voter"
	if !voter {
		short, want = "Take an agent's vote; it stays a member", "non-voter"
	}
	req := api.MemberRequest{Voter: voter}
	c := &cobra.Command{
		Use: verb + " NAME", Short: short, Args: exactArgs("NAME"), Example: "  sipsteer agent " + verb + " edmonton",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			return a.changeMember(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				return c.SetMember(ctx, args[0], req)
			}, func(list []api.Member) bool { return role(list, args[0]) == want }, args[0]+" is a "+want)
		}),
	}
	registryReason(c, &req.Reason)
	return c
}

func role(list []api.Member, name string) string {
	for _, m := range list {
		if m.Name == name {
			return m.Role
		}
	}
	return ""
}

// changeMember asks for a change and waits until it is in force.
func (a *app) changeMember(ctx context.Context, change func(context.Context, *api.Client) error, done func([]api.Member) bool, said string) error {
	cs, err := a.clients()
	if err != nil {
		return err
	}
	if _, err := each(ctx, cs, actTimeout, func(ctx context.Context, c *api.Client) (struct{}, error) { return struct{}{}, change(ctx, c) }); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, memberTimeout)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := ask(ctx, cs, func(ctx context.Context, c *api.Client) ([]api.Member, error) { return c.Members(ctx) })
		if err == nil && done(list) {
			if !a.json {
				fmt.Fprintln(a.streams.Out, said)
			}
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return &api.Error{Category: api.Timeout, Message: fmt.Sprintf("decided, but not in force after %s", memberTimeout), Hint: "sipsteer agent list   # shows how far it is"}
		}
	}
}

func (a *app) agentRejoinCmd() *cobra.Command {
	return &cobra.Command{
		Use: "rejoin --config FILE", Short: "Come back with an empty store, when this agent's was damaged or lost", Args: exactArgs(),
		Long: `Moves this agent's store aside, while it is stopped, and has the fleet take it in
again under the identity that it has. Start the agent then. Nothing is deleted.`,
		Example: "  sipsteer agent rejoin --config ottawa.yaml",
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.offlineConfig("rejoin")
			if err != nil {
				return err
			}
			aside, err := agent.RejoinFleet(cmd.Context(), cfg)
			switch {
			case errors.Is(err, raftstore.ErrInUse):
				return &usageError{fmt.Sprintf("agent %s is running", cfg.Name), "stop it first"}
			case err != nil:
				return fmt.Errorf("rejoin: %w", err)
			}
			fmt.Fprintf(a.streams.Out, "%s will be taken in again; its old store is in %s\nstart it: sipsteer agent --config %s\n", cfg.Name, aside, a.config)
			return nil
		}),
	}
}

func (a *app) agentRecoverCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "recover --config FILE --reason REASON", Short: "Bring the fleet back from this agent alone, when no majority is left", Args: exactArgs(),
		Long: `For the day when so many agents are lost for good that nothing can be changed any
more. While this agent is stopped, makes a new cluster of it alone from everything
that its log holds. Start it then; the other agents that still live are taken in
again by themselves, with what they have. The epoch goes on beyond the old one.

If a majority can still be brought back, do that instead.`,
		Example: "  sipsteer agent recover --config calgary.yaml --reason \"lost ottawa and vancouver\"",
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the next shift to read (required)")
	c.RunE = run(func(*cobra.Command, []string) error {
		cfg, err := a.offlineConfig("recover")
		if err != nil {
			return err
		}
		if reason == "" {
			return &usageError{"a reason is required", "sipsteer agent recover --config " + a.config + ` --reason "lost …"`}
		}
		contents, aside, err := agent.Recover(cfg, a.owner(), reason)
		switch {
		case errors.Is(err, raftstore.ErrInUse):
			return &usageError{fmt.Sprintf("agent %s is running", cfg.Name), "stop it first"}
		case err != nil:
			return fmt.Errorf("recover: %w", err)
		}
		if a.json {
			a.printJSON(map[string]any{"contents": contents, "replaced": aside})
			return nil
		}
		fmt.Fprintf(a.streams.Out, "%s begins a new cluster with %s\nits old store is in %s\nstart it: sipsteer agent --config %s\n", cfg.Name, describeBackup(contents), aside, a.config)
		return nil
	})
	return c
}

// offlineConfig is what a stopped agent is made of.
func (a *app) offlineConfig(verb string) (agent.Config, error) {
	file, _, err := a.ownFile(verb)
	if err != nil {
		return agent.Config{}, err
	}
	log, done, err := a.logger(file)
	if err != nil {
		return agent.Config{}, err
	}
	defer done()
	return agentConfig(file, a.version, log)
}
