package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/agent"
	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// backupTimeout bounds the copying of a state.
const backupTimeout = 10 * time.Minute

func (a *app) backupCmd() *cobra.Command {
	var keys sealing
	var force, bare bool
	c := &cobra.Command{
		Use: "backup FILE", Short: "Copy the fleet's state into one checked file, while everything goes on", Args: exactArgs("FILE"),
		Long: `Copies what the agents agree on, tenants included, and the history of past epochs
that one agent keeps (history.megabytes of its file bounds it), into one file with a
sum over every octet. What arrives is read back and checked before the file gets its name.
Without --recipient or --passphrase-file the file is in clear: it holds names and
addresses, no keys.`,
		Example: "  sipsteer backup fleet.backup\n  sipsteer backup fleet.backup --recipient age1…\n  sipsteer restore --verify fleet.backup",
	}
	keys.sealFlags(c)
	c.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	c.Flags().BoolVar(&bare, "no-history", false, "leave the history out: only what is in force now")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if _, err := os.Lstat(args[0]); err == nil && !force {
			return &usageError{args[0] + " exists", "choose another name, or add --force"}
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		contents, err := each(cmd.Context(), cs, backupTimeout, func(ctx context.Context, c *api.Client) (agent.BackupContents, error) {
			return saveBackup(ctx, c, args[0], keys, !bare)
		})
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(contents)
			return nil
		}
		fmt.Fprintf(a.streams.Out, "%s: %s\n", args[0], describeBackup(contents))
		return nil
	})
	return c
}

// saveBackup writes one agent's copy to a file that gets its name only when
// what arrived was found to be whole.
func saveBackup(ctx context.Context, c *api.Client, path string, keys sealing, history bool) (agent.BackupContents, error) {
	var contents agent.BackupContents
	err := wholefile.Fill(path, func(f *os.File) (err error) {
		contents, err = copyBackup(ctx, c, f, keys, history)
		return err
	})
	if err != nil {
		return agent.BackupContents{}, err
	}
	return contents, nil
}

// copyBackup checks the copy while it is written.
func copyBackup(ctx context.Context, c *api.Client, f io.Writer, keys sealing, history bool) (agent.BackupContents, error) {
	sealed, err := keys.seal(f)
	if err != nil {
		return agent.BackupContents{}, err
	}
	r, w := io.Pipe()
	type checked struct {
		contents agent.BackupContents
		err      error
	}
	result := make(chan checked, 1)
	go func() { // ends when the pipe is closed, below
		contents, err := agent.ReadBackup(r)
		_ = r.CloseWithError(err) // so that the copying does not wait for a reader
		result <- checked{contents, err}
	}()
	err = c.Backup(ctx, io.MultiWriter(sealed, w), history)
	_ = w.CloseWithError(err) // nil is an ordinary end
	got := <-result
	switch { // each side ends with the other's error
	case errors.Is(err, got.err):
		err, got.err = got.err, nil
	case errors.Is(got.err, err):
		got.err = nil
	}
	if err := errors.Join(err, got.err, sealed.Close()); err != nil {
		return agent.BackupContents{}, err
	}
	return got.contents, nil
}

func describeBackup(c agent.BackupContents) string {
	return fmt.Sprintf("epoch %d of %s, %d sites, %d services, %d record sets; %s; taken by %s at %s (UTC), log entry %d",
		c.Epoch, c.Zone, c.Sites, c.Services, c.Records, describeHistory(c.History), c.Agent, c.TakenAt.UTC().Format(time.DateTime), c.Index)
}

func describeHistory(h *agent.BackupHistory) string {
	if h == nil {
		return "no history"
	}
	text := fmt.Sprintf("history of %d decisions since %s", h.Decisions, h.Since.UTC().Format(time.DateOnly))
	if h.Gaps > 0 {
		text += fmt.Sprintf(" with %d parts missing, see sipsteer history --verify", h.Gaps)
	}
	return text
}

func (a *app) restoreCmd() *cobra.Command {
	var keys sealing
	var verify, replace bool
	var reason, owner string
	c := &cobra.Command{
		Use: "restore FILE", Short: "Begin a new cluster from a backup, or prove that a backup is good", Args: exactArgs("FILE"),
		Long: `With --verify, reads every octet of the backup, restores it into a scratch cluster
of one on this machine, and prints what it holds and how long that took. It touches
nothing else and needs no agent file. The delayed copy that each agent keeps is such a
file, too (without a history): sipsteer doctor names it, and what its last restore took.

Without, makes the store of the agent in --config from the backup, while that agent
is stopped. Run it with the same file at every agent of agent.yaml's list, or at a
majority, then start them: they begin alike. An existing store is refused, or with
--replace moved aside, never deleted. The epoch goes on beyond the old one. The
history of the file takes the agent's place for it, unless the agent still has all
of that, undamaged; what it had is moved aside too.`,
		Example: "  sipsteer restore --verify fleet.backup\n  sipsteer restore fleet.backup --config agent.yaml --replace --reason \"lost the room\"",
	}
	keys.openFlags(c)
	c.Flags().BoolVar(&verify, "verify", false, "prove the file; touch nothing")
	c.Flags().BoolVar(&replace, "replace", false, "move an existing store aside")
	c.Flags().StringVar(&reason, "reason", "", "why, for the next shift to read (required, but with --verify)")
	c.Flags().StringVar(&owner, "owner", "", "who wants it; default $SIPSTEER_OWNER, else USER@HOST")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if verify {
			return a.verifyBackup(cmd.Context(), args[0], keys)
		}
		if owner == "" {
			owner = a.owner()
		}
		return a.restore(args[0], keys, agent.RestoreTarget{Replace: replace, By: owner, Reason: reason})
	})
	return c
}

// openBackup opens a file, decrypted.
func openBackup(path string, keys sealing) (io.Reader, func(), error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, &usageError{err.Error(), "sipsteer backup FILE makes one"}
	}
	r, err := keys.open(f)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return r, func() { f.Close() }, nil
}

func (a *app) verifyBackup(ctx context.Context, path string, keys sealing) error {
	r, done, err := openBackup(path, keys)
	if err != nil {
		return err
	}
	contents, err := agent.ReadBackup(r)
	done()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if r, done, err = openBackup(path, keys); err != nil {
		return err
	}
	defer done()
	drill, err := agent.RunDrill(ctx, r)
	if err != nil {
		return fmt.Errorf("%s: restore into a scratch cluster: %w", path, err)
	}
	if a.json {
		a.printJSON(map[string]any{"contents": contents, "drill": drill})
		return nil
	}
	fmt.Fprintf(a.streams.Out, "%s: %s\nevery octet is as it was written; restored into a scratch cluster in %s, with %d record sets to answer\n",
		path, describeBackup(contents), drill.Took.Round(time.Millisecond), drill.Records)
	return nil
}
