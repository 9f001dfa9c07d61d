package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
)

func (a *app) tenantExportCmd() *cobra.Command {
	var epoch uint64
	c := &cobra.Command{
		Use: "export", Short: "Print all tenants as CSV, or with --json as JSON lines", Args: exactArgs(),
		Long:    "Prints the table in order of the domains, in the form that import reads: as it is now,\nor with --epoch as it was at an epoch of the past.",
		Example: "  sipsteer tenant export > tenants.csv\n  sipsteer tenant export --json > tenants.jsonl\n  sipsteer tenant export --epoch 412 > before.csv",
	}
	c.Flags().Uint64Var(&epoch, "epoch", 0, "an epoch of the past; default now")
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		cs, err := a.clients()
		if err != nil {
			return err
		}
		out := bufio.NewWriter(a.streams.Out)
		if err := a.exportRows(cmd.Context(), cs, epoch, out); err != nil {
			return err
		}
		return out.Flush()
	})
	return c
}

func (a *app) exportRows(ctx context.Context, cs clients, epoch uint64, out io.Writer) error {
	head := "domain,service\n"
	if a.json {
		head = ""
	}
	for p, err := range tenantPages(ctx, cs, epoch) {
		if err != nil {
			return err
		}
		fmt.Fprint(out, head)
		head = ""
		for domain, service := range p.Each() {
			switch {
			case a.json:
				line, err := json.Marshal(map[string]string{"domain": domain, "service": service})
				if err != nil {
					return fmt.Errorf("encode tenant: %w", err)
				}
				fmt.Fprintf(out, "%s\n", line)
			default:
				fmt.Fprintf(out, "%s,%s\n", domain, service)
			}
		}
	}
	return nil
}

// tenantPages asks for the whole table of an epoch, page by page; 0 is now.
func tenantPages(ctx context.Context, cs clients, epoch uint64) iter.Seq2[api.TenantPage, error] {
	return func(yield func(api.TenantPage, error) bool) {
		for after := ""; ; {
			p, err := each(ctx, cs, actTimeout, func(ctx context.Context, c *api.Client) (api.TenantPage, error) {
				if epoch != 0 {
					return c.PastTenantPage(ctx, epoch, after, 100_000, false)
				}
				return c.TenantPage(ctx, after, 50_000)
			})
			if !yield(p, err) || err != nil || p.After == "" {
				return
			}
			after = p.After
		}
	}
}
