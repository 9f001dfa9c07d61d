package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
)

func (a *app) tenantStatusCmd() *cobra.Command {
	var lang, zone string
	c := &cobra.Command{
		Use: "status DOMAIN", Short: "Show what a customer may be told now", Args: exactArgs("DOMAIN"),
		Long: `Says in whole sentences how the service of a tenant is, and within how many minutes
its phones have registered again by themselves: for a support desk, a portal, or the
announcement that callers hear. No site and no machine is named. A service may be
given in place of a tenant.`,
		Example: "  sipsteer tenant status smith.voice.example.net\n  sipsteer tenant status west.voice.example.net --lang fr --timezone America/Toronto",
	}
	c.Flags().StringVar(&lang, "lang", "en", "language: en or fr")
	c.Flags().StringVar(&zone, "timezone", "", "zone of the times; default UTC")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if lang != "en" && lang != "fr" {
			return &usageError{fmt.Sprintf("--lang is %q", lang), "--lang en, or --lang fr"}
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		t, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) (api.TenantStatus, error) {
			return c.TenantStatus(ctx, args[0], lang, zone)
		})
		if err != nil {
			return err
		}
		if !a.writeJSON(t) {
			fmt.Fprintln(a.streams.Out, strings.Join(t.Says, " "))
		}
		return nil
	})
	return c
}
