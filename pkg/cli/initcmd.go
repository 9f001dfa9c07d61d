package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/agent"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

func (a *app) agentInitCmd() *cobra.Command {
	var with []string
	var tokenFile string
	c := &cobra.Command{
		Use: "init --config FILE", Short: "Found a new fleet: its authority, its first agents, its first admin", Args: exactArgs(),
		Long: `Makes the certificate authority of a new fleet and the identity of its first
agent, in the directory that the agent file names (data_dir/pki if it does not), and
prints the token of the first admin. It is kept nowhere: the fleet has its hash.

Further agents join with a token (sipsteer agent invite). Where the files of several
agents are at hand, --with founds the fleet with all of them at once: copy each one's
data directory to its machine.`,
		Example: "  sipsteer agent init --config calgary.yaml\n  sipsteer agent init --config calgary.yaml --with ottawa.yaml --with vancouver.yaml --token-file admin.token",
	}
	c.Flags().StringSliceVar(&with, "with", nil, "another agent file whose agent is there from the beginning; repeatable")
	c.Flags().StringVar(&tokenFile, "token-file", "", "write the admin's token here, mode 0600, and do not print it")
	c.RunE = run(func(*cobra.Command, []string) error {
		if a.config == "" {
			return &usageError{"which agent is the first?", "sipsteer agent init --config agent.yaml"}
		}
		return a.foundFleet(append([]string{a.config}, with...), tokenFile)
	})
	return c
}

func (a *app) foundFleet(files []string, tokenFile string) error {
	founders := make([]pki.Founder, len(files))
	for i, path := range files {
		file, err := config.LoadAgent(path)
		if err != nil {
			return err
		}
		if founders[i], err = founderOf(file); err != nil {
			return err
		}
		if pki.Exists(file.Identity) {
			return &usageError{fmt.Sprintf("%s holds an identity: agent %s is in a fleet already", file.Identity, file.Name), "to leave that fleet for good, remove its data directory first"}
		}
	}
	token, err := pki.FoundFleet(founders[0].Agent.Name, founders, time.Now())
	if err != nil {
		return err
	}
	authority := filepath.Join(founders[0].Dir, "ca.pem")
	if tokenFile != "" {
		if err := wholefile.Replace(tokenFile, []byte(token+"\n")); err != nil {
			return fmt.Errorf("the fleet is founded, and its first admin's token %s is not in its file: %w", token, err)
		}
	}
	if a.json {
		out := map[string]any{"authority": authority, "agents": files}
		if tokenFile == "" {
			out["token"] = token
		}
		a.printJSON(out)
		return nil
	}
	fmt.Fprintf(a.streams.Out, "fleet founded with %d agents; its authority is %s\n", len(files), authority)
	if tokenFile == "" {
		fmt.Fprintf(a.streams.Out, "the first admin's token, shown this once:\n\n  %s\n\n", token)
	}
	fmt.Fprintf(a.streams.Err, "start it: sipsteer agent --config %s\nin client.yaml: ca: %s, token: FILE with the token\n", files[0], authority)
	return nil
}

func founderOf(file *config.Agent) (pki.Founder, error) {
	for _, p := range file.Peers {
		if p.Name == file.Name {
			return pki.Founder{
				Agent: pki.Agent{Name: string(p.Name), Site: string(p.Site), Raft: p.Raft, API: p.API}, Dir: file.Identity,
				Hosts: agent.HostsOf(agent.Peer{Raft: p.Raft, API: p.API}),
			}, nil
		}
	}
	return pki.Founder{}, fmt.Errorf("agent %s is not among its peers", file.Name)
}

// identify adds to an agent's configuration who it is.
func identify(cfg *agent.Config, file *config.Agent) error {
	id, err := pki.Load(file.Identity)
	switch {
	case errors.Is(err, pki.ErrNoIdentity):
		return &usageError{
			fmt.Sprintf("agent %s has no identity: %v", file.Name, err),
			"the first agent of a new fleet: sipsteer agent init --config FILE\nan agent that joins a fleet: sipsteer agent join --config FILE --token TOKEN",
		}
	case err != nil:
		return err
	}
	cfg.Identity, cfg.IdentityDir = id, file.Identity
	start, founder, err := pki.LoadFounding(file.Identity)
	if err != nil || !founder {
		return err
	}
	cfg.First = &start.Registry
	for _, f := range start.Agents {
		cfg.Founders = append(cfg.Founders, agent.FoundingMember(f))
	}
	return nil
}
