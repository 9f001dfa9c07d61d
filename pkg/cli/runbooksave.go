package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// book finds a runbook: a file, one that the fleet keeps, or one that comes with
// the program. The fleet's own goes before one of the same name.
func (a *app) book(ctx context.Context, name string) (*runbook.Book, []byte, error) {
	if _, err := os.Stat(name); err == nil || strings.ContainsAny(name, "./") {
		return config.LoadRunbook(name)
	}
	saved, err := a.savedBooks(ctx)
	if i := slices.IndexFunc(saved, func(b steer.SavedBook) bool { return b.Name == name }); err == nil && i >= 0 {
		b, err := config.ParseRunbook(name, []byte(saved[i].Text))
		return b, []byte(saved[i].Text), err
	}
	b, text, builtin := config.BuiltinRunbook(name)
	switch {
	case !errors.Is(builtin, os.ErrNotExist):
		return b, text, builtin
	case err != nil: // it may be one of the fleet's
		var usage *usageError
		if !errors.As(err, &usage) {
			return nil, nil, err
		}
	}
	return nil, nil, &usageError{fmt.Sprintf("no runbook is called %q", name), "sipsteer runbook list; or give a file: ./my-runbook.yaml"}
}

func (a *app) savedBooks(ctx context.Context) ([]steer.SavedBook, error) {
	cs, err := a.clients()
	if err != nil {
		return nil, err
	}
	return ask(ctx, cs, func(ctx context.Context, c *api.Client) ([]steer.SavedBook, error) { return c.Books(ctx) })
}

// savedRows adds the fleet's own runbooks to a list, where the agents can be asked.
func (a *app) savedRows(ctx context.Context, rows [][]string) ([]steer.SavedBook, [][]string) {
	saved, err := a.savedBooks(ctx)
	if err != nil {
		return []steer.SavedBook{}, rows
	}
	for _, s := range saved {
		var values []string
		summary := ""
		if b, err := config.ParseRunbook(s.Name, []byte(s.Text)); err == nil {
			summary = b.Summary
			for _, v := range b.Values {
				values = append(values, v.Name)
			}
		}
		rows = append(rows, []string{s.Name, dash(strings.Join(values, " ")), fmt.Sprintf("%s (the fleet's, version %d by %s, %s)", clean(summary), s.Version, clean(s.By), s.At.UTC().Format(time.DateOnly))})
	}
	return append([]steer.SavedBook{}, saved...), rows
}

func (a *app) runbookSaveCmd() *cobra.Command {
	return a.bookVerb("save FILE", "Have the fleet keep a runbook, for every operator to run by its name", steer.KindBookSave,
		`Checks the file and keeps it in the replicated state with a version, who saved it and
why. What is under way goes on with the version that it began with. Needs the role
admin: it is what others run.`,
		`  sipsteer runbook save runbooks/nightly.yaml --reason "change 4711"`, func(name string) (string, error) {
			_, text, err := config.LoadRunbook(name)
			return string(text), err
		})
}

func (a *app) runbookRemoveCmd() *cobra.Command {
	return a.bookVerb("remove NAME", "Have the fleet forget a runbook that it keeps", steer.KindBookDrop,
		"What is under way goes on. Needs the role admin.", `  sipsteer runbook remove nightly --reason "replaced by weekly"`,
		func(name string) (string, error) { return name, nil })
}

func (a *app) bookVerb(use, short string, kind steer.Kind, long, example string, read func(string) (string, error)) *cobra.Command {
	w := &wish{req: api.CommandRequest{Kind: string(kind)}}
	verbName, what, _ := strings.Cut(use, " ")
	c := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: exactArgs(what)}
	w.flags(c)
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		var err error
		if w.req.Book, err = read(args[0]); err != nil {
			return err
		}
		if err := a.complete(verb{kind: string(kind), use: "runbook " + verbName + " " + args[0]}, w); err != nil {
			return err
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		return a.give(cmd.Context(), cs, w.req)
	})
	return c
}
