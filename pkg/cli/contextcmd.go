package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/config"
)

func (a *app) contextCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "context", Short: "Choose which fleet the commands are for",
		Long: `A context is a name for a client file: production, the lab, another region. The
current one is used where neither --config nor $SIPSTEER_CONFIG says otherwise;
--context and $SIPSTEER_CONTEXT name another one for one command or one shell.
Contexts stand in ~/.config/sipsteer/contexts.yaml.`,
		Example: "  sipsteer context add prod /etc/sipsteer/client.yaml\n  sipsteer context list\n  sipsteer context use prod\n  sipsteer status --context lab",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Sprintf("unknown command %q for context", args[0]), "sipsteer context list, use NAME, add NAME FILE, remove NAME"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(
		a.contextVerb("list", "list", "List the contexts; the current one has a *", exactArgs(), nil),
		a.contextVerb("use NAME", "use prod", "Make a context the current one", exactArgs("NAME"), func(c *config.Contexts, args []string) error {
			if _, err := c.Find(args[0]); err != nil {
				return err
			}
			c.Current = args[0]
			return nil
		}),
		a.contextVerb("add NAME FILE", "add prod /etc/sipsteer/client.yaml", "Add a context, or give it another client file", exactArgs("NAME", "FILE"), func(c *config.Contexts, args []string) error {
			return c.Set(args[0], args[1])
		}),
		a.contextVerb("remove NAME", "remove lab", "Forget a context; its client file stays", exactArgs("NAME"), func(c *config.Contexts, args []string) error {
			return c.Remove(args[0])
		}),
	)
	return c
}

// contextVerb makes one of the commands; change is nil for the one that only looks.
// All of them show the list afterwards.
func (a *app) contextVerb(use, example, short string, args cobra.PositionalArgs, change func(*config.Contexts, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args, Example: "  sipsteer context " + example,
		RunE: run(func(_ *cobra.Command, args []string) error {
			path, err := config.ContextsFile(a.env)
			if err != nil {
				return &usageError{err.Error(), "--config client.yaml"}
			}
			list, err := config.LoadContexts(path)
			if err != nil {
				return err
			}
			if change != nil {
				if err := change(list, args); errors.Is(err, config.ErrNoContext) {
					return &usageError{err.Error(), "sipsteer context list"}
				} else if err != nil {
					return &usageError{err.Error(), "sipsteer context add NAME client.yaml"}
				}
				if err := list.Save(path); err != nil {
					return err
				}
			}
			a.writeContexts(list)
			return nil
		}),
	}
}

func (a *app) writeContexts(list *config.Contexts) {
	if a.writeJSON(list) {
		return
	}
	p := palette{a.colours()}
	rows := [][]string{{"", "CONTEXT", "CLIENT FILE", ""}}
	for _, c := range list.Contexts {
		mark, note := "", ""
		if c.Name == list.Current {
			mark = "*"
		}
		if _, err := os.Stat(c.Client); err != nil {
			note = p.bad("is not there")
		}
		rows = append(rows, []string{mark, c.Name, c.Client, note})
	}
	if len(list.Contexts) == 0 {
		fmt.Fprintln(a.streams.Err, "sipsteer: hint: no contexts yet: sipsteer context add NAME client.yaml")
		return
	}
	table(a.streams.Out, p, rows)
}

// contextFile is the client file of the context that is asked for, or of the
// current one; "" when there is none.
func (a *app) contextFile() (string, error) {
	name, said := a.context, "--context"
	if name == "" {
		name, said = a.env("SIPSTEER_CONTEXT"), "$SIPSTEER_CONTEXT"
	}
	path, err := config.ContextsFile(a.env)
	if err != nil {
		if name != "" {
			return "", &usageError{err.Error(), "--config client.yaml"}
		}
		return "", nil
	}
	list, err := config.LoadContexts(path)
	if err != nil {
		return "", err
	}
	if name == "" {
		name, said = list.Current, path
	}
	if name == "" {
		return "", nil
	}
	c, err := list.Find(name)
	if err != nil {
		return "", &usageError{fmt.Sprintf("%s: no context is called %q", said, name), "sipsteer context list"}
	}
	return c.Client, nil
}
