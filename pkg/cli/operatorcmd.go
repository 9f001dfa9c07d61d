package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

func (a *app) operatorCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "operator", Short: "Say who may look, act and administer",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Sprintf("unknown command %q for operator", args[0]), "sipsteer operator list, set NAME --role ROLE, or drop NAME"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.operatorListCmd(), a.operatorSetCmd(), a.operatorDropCmd())
	return c
}

func (a *app) operatorListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the operators", Args: exactArgs(), Example: "  sipsteer operator list",
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cs, err := a.clients()
			if err != nil {
				return err
			}
			list, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) ([]api.Operator, error) { return c.Operators(ctx) })
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(list)
				return nil
			}
			rows := [][]string{{"NAME", "ROLE", "UNTIL"}}
			for _, o := range list {
				until := "no end"
				if !o.Until.IsZero() {
					until = o.Until.UTC().Format(time.DateTime)
				}
				rows = append(rows, []string{o.Name, o.Role, until})
			}
			table(a.streams.Out, palette{a.colours()}, rows)
			return nil
		}),
	}
}

func (a *app) operatorSetCmd() *cobra.Command {
	var req api.OperatorRequest
	var out string
	c := &cobra.Command{
		Use: "set NAME --role ROLE", Short: "Add an operator, or give one a new token and role", Args: exactArgs("NAME"),
		Long: `Gives an operator a role and a new token; an older token of the same name ends. The
token is printed once, or written to --out; the fleet keeps only its hash.
viewer looks; operator also acts and takes backups; admin also says who may do what.`,
		Example: "  sipsteer operator set alice --role operator --for 720h --out alice.token",
	}
	c.Flags().StringVar(&req.Role, "role", "", "viewer, operator or admin (required)")
	c.Flags().StringVar(&req.For, "for", "", "how long the token lasts: 720h; default until it is dropped")
	registryReason(c, &req.Reason)
	c.Flags().StringVar(&out, "out", "", "write the token here, mode 0600, and do not print it")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if req.Role == "" {
			return &usageError{"which role?", fmt.Sprintf("sipsteer operator set %s --role viewer|operator|admin", args[0])}
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		set := func() (api.OperatorToken, error) {
			return each(cmd.Context(), cs, actTimeout, func(ctx context.Context, c *api.Client) (api.OperatorToken, error) {
				return c.SetOperator(ctx, args[0], req)
			})
		}
		var t api.OperatorToken
		if out == "" {
			t, err = set()
		} else {
			t, err = saveToken(out, set)
		}
		if err != nil {
			return err
		}
		switch {
		case a.json:
			a.printJSON(t)
		case out != "":
			fmt.Fprintf(a.streams.Out, "%s is %s; the token is in %s\n", t.Name, t.Role, out)
		default:
			fmt.Fprintf(a.streams.Out, "%s is %s; the token, shown this once:\n\n  %s\n\n", t.Name, t.Role, t.Token)
		}
		return nil
	})
	return c
}

// saveToken has a token made and puts it into a file, mode 0600. The file is begun
// before: the token that a new one ends may be the last with which one can be made.
func saveToken(path string, set func() (api.OperatorToken, error)) (t api.OperatorToken, err error) {
	err = wholefile.Fill(path, func(f *os.File) error {
		if t, err = set(); err != nil {
			return err
		}
		_, err := fmt.Fprintln(f, t.Token)
		return err
	})
	if err != nil && t.Token != "" {
		return t, fmt.Errorf("the token %s is in force, but not in its file: %w", t.Token, err)
	}
	t.Token = ""
	return t, err
}

func (a *app) operatorDropCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "drop NAME", Short: "End an operator's token", Args: exactArgs("NAME"), Example: "  sipsteer operator drop alice --reason \"has left the company\"",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			cs, err := a.clients()
			if err != nil {
				return err
			}
			_, err = each(cmd.Context(), cs, actTimeout, func(ctx context.Context, c *api.Client) (struct{}, error) {
				return struct{}{}, c.DropOperator(ctx, args[0], reason)
			})
			if err == nil && !a.json {
				fmt.Fprintf(a.streams.Out, "%s may do nothing any more\n", args[0])
			}
			return err
		}),
	}
	registryReason(c, &reason)
	return c
}

// registryReason is the flag of commands that change who is in the fleet, and who
// may do what.
func registryReason(c *cobra.Command, reason *string) {
	c.Flags().StringVar(reason, "reason", "", "why, for the history")
}
