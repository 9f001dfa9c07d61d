package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func (a *app) tenantRollbackCmd() *cobra.Command {
	w := &wish{req: api.CommandRequest{Kind: string(steer.KindTenantRollback)}}
	var epoch uint64
	var touches int
	c := &cobra.Command{
		Use: "rollback", Short: "Bring the table from before the last import, or of an earlier epoch, back", Args: exactArgs(),
		Long: `Brings the tenants back as they were before the last import. A second time it
brings the import back.

With --epoch it brings back the table that was in force at an epoch of the past, as
far as the agents keep them (history.days and history.megabytes). That is an import
of the whole table: without --yes what would be is shown, and who moves or removes
more than a tenth of the tenants says with --touches how many they are.`,
		Example: "  sipsteer tenant rollback --reason \"wrong file\"\n  sipsteer tenant rollback --epoch 412 --reason \"wrong files since Monday\"",
	}
	w.flags(c)
	c.Flags().Uint64Var(&epoch, "epoch", 0, "the table of this epoch; default the one from before the last import")
	c.Flags().IntVar(&touches, "touches", 0, "with --epoch, how many tenants that are there may be moved or removed, where that is needed")
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		if epoch == 0 && touches != 0 {
			return &usageError{"--touches needs --epoch", "sipsteer tenant rollback   # goes back one import and needs no number"}
		}
		if err := a.complete(verb{kind: w.req.Kind, use: "tenant rollback", optional: true}, w); err != nil {
			return err
		}
		if epoch == 0 {
			return a.act(cmd.Context(), w)
		}
		w.req.Kind, w.req.Tenants = string(steer.KindTenantCommit), &api.TenantChange{Replace: true, Touches: touches}
		return a.tenantsBack(cmd.Context(), w, epoch)
	})
	return c
}

// tenantsBack imports the table of an earlier epoch in place of today's.
func (a *app) tenantsBack(ctx context.Context, w *wish, epoch uint64) error {
	cs, err := a.clients()
	if err != nil {
		return err
	}
	changes, err := tenantsOf(ctx, cs, epoch)
	if err != nil {
		return err
	}
	if len(changes) == 0 { // an import names at least one tenant: here, to remove it
		w.req.Tenants.Replace = false
		if changes, err = tenantsOf(ctx, cs, 0); err != nil {
			return err
		}
		for i := range changes {
			changes[i].Service = ""
		}
	}
	if len(changes) == 0 {
		return &usageError{"there were no tenants at that epoch, and there are none now", "sipsteer history --epochs   # lists the decisions"}
	}
	parts, upload := steer.TenantRows(changes, tenantPart), requestID()
	if err := a.stage(ctx, cs, w, upload, parts); err != nil {
		return err
	}
	return a.commitTenants(ctx, cs, w, upload, len(parts), len(changes))
}

// tenantsOf reads the table of an epoch; 0 is now.
func tenantsOf(ctx context.Context, cs clients, epoch uint64) ([]fleet.TenantChange, error) {
	var out []fleet.TenantChange
	for p, err := range tenantPages(ctx, cs, epoch) {
		if err != nil {
			return nil, err
		}
		out = append(out, tenantRows(p)...)
	}
	return out, nil
}

// tenantRows are the tenants of a page, as rows of an import.
func tenantRows(p api.TenantPage) []fleet.TenantChange {
	var rows []fleet.TenantChange
	for domain, service := range p.Each() {
		rows = append(rows, fleet.TenantChange{Domain: fleet.TenantID(domain), Service: fleet.ServiceID(service)})
	}
	return rows
}
