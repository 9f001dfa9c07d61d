package cli

import (
	"errors"
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/agent"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/raftstore"
)

// restore makes the store of the agent in --config from a backup.
func (a *app) restore(path string, keys sealing, to agent.RestoreTarget) error {
	if to.Reason == "" {
		return &usageError{"a reason is required", fmt.Sprintf("sipsteer restore %s --config agent.yaml --reason \"why, for the next shift to read\"", path)}
	}
	if a.config == "" {
		return &usageError{"which agent is to be restored?", fmt.Sprintf("sipsteer restore %s --config agent.yaml", path)}
	}
	file, err := config.LoadAgent(a.config)
	if err != nil {
		return err
	}
	to.Name, to.Dir, to.Members = file.Name, file.DataDir, membersOf(file)
	r, done, err := openBackup(path, keys)
	if err != nil {
		return err
	}
	defer done()
	contents, err := agent.UnpackBackup(r, file.DataDir)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	aside, err := agent.Restore(contents, to)
	switch {
	case errors.Is(err, raftstore.ErrForeignDir):
		return &usageError{fmt.Sprintf("%s has a store already", file.DataDir), "add --replace: it is moved aside, not deleted"}
	case errors.Is(err, raftstore.ErrInUse):
		return &usageError{fmt.Sprintf("agent %s is running", file.Name), "stop it first"}
	case err != nil:
		return fmt.Errorf("restore %s: %w", file.Name, err)
	}
	if a.json {
		a.printJSON(map[string]any{"agent": file.Name, "contents": contents, "replaced": aside})
		return nil
	}
	fmt.Fprintf(a.streams.Out, "agent %s will begin with %s\n", file.Name, describeBackup(contents))
	if aside != "" {
		fmt.Fprintf(a.streams.Out, "its old store is in %s\n", aside)
	}
	fmt.Fprintf(a.streams.Err, "do the same at a majority of the %d agents, with the same file; then start them\n", len(to.Members))
	return nil
}

// membersOf are the agents of an agent file, as voters.
func membersOf(file *config.Agent) []raftstore.Member {
	out := make([]raftstore.Member, len(file.Peers))
	for i, p := range file.Peers {
		out[i] = raftstore.Member{ID: p.Name, Address: p.Raft, Voter: true}
	}
	return out
}
