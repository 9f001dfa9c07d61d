package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// tenantPart is how many octets of rows go into one entry of the log.
const tenantPart = 600 << 10

func (a *app) tenantCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "tenant COMMAND", Short: "Import, export and list the tenants: the customers' SIP domains",
		Long: `Tenants are customers' SIP domains inside the zone, each assigned to a service and
answered with the service's records. A table of them is imported as a whole or
not at all.`,
		Example: "  sipsteer tenant import tenants.csv --reason \"new customers\"",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"tenant what?", "sipsteer tenant import FILE, export, list or rollback"}
			}
			return &usageError{fmt.Sprintf("unknown command %q of tenant", args[0]), "sipsteer tenant --help   # lists them"}
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	c.AddCommand(a.tenantImportCmd(), a.tenantExportCmd(), a.tenantListCmd(), a.tenantStatusCmd(), a.tenantRollbackCmd())
	return c
}

func (a *app) tenantImportCmd() *cobra.Command {
	w := &wish{req: api.CommandRequest{Kind: string(steer.KindTenantCommit), Tenants: &api.TenantChange{}}}
	c := &cobra.Command{
		Use: "import FILE", Short: "Add tenants and move those that are there, all or none", Args: exactArgs("FILE"),
		Long: `Reads CSV whose first line names the columns domain and service, or JSON objects
with these keys, one a line; more columns may follow. A service may be named
without the zone. Every row that cannot be is told with its line and column, and
one of them spoils the file.

Without --yes nothing is changed: what would be is shown. More than a tenth of the
tenants, and more than a hundred, are moved or removed only with --touches and
their number. With --save the plan goes into a file; sipsteer apply carries it out,
and refuses when the fleet or the file with the tenants has changed in between.
sipsteer tenant rollback brings the table from before back.`,
		Example: `  sipsteer tenant import tenants.csv --reason "new customers"
  sipsteer tenant import tenants.csv --reason "new customers" --save tenants.plan
  sipsteer apply tenants.plan
  sipsteer tenant import all.jsonl --replace --touches 61204 --reason "move to east" --yes`,
	}
	w.flags(c)
	c.Flags().BoolVar(&w.req.Tenants.Replace, "replace", false, "the file is the whole table: drop the tenants that it does not name")
	c.Flags().IntVar(&w.req.Tenants.Touches, "touches", 0, "how many tenants that are there may be moved or removed, where that is needed")
	c.Flags().StringVar(&w.out, "save", "", "change nothing and save the plan to this file, for sipsteer apply")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		v := verb{kind: "tenant import", use: "tenant import " + args[0], optional: true}
		if w.out != "" && w.yes {
			return &usageError{"--save changes nothing, and --yes is for what is changed", "sipsteer tenant import " + args[0] + " --save " + w.out}
		}
		if err := a.complete(v, w); err != nil {
			return err
		}
		return a.importTenants(cmd.Context(), w, args[0], nil)
	})
	return c
}

// importTenants checks the file, stages its rows, shows what they would do, and
// makes them visible when that is wanted. saved is the file as a saved plan saw
// it; nil for an import that was not planned before.
func (a *app) importTenants(ctx context.Context, w *wish, path string, saved *plan.File) error {
	cs, err := a.clients()
	if err != nil {
		return err
	}
	now, err := ask(ctx, cs, func(ctx context.Context, c *api.Client) (api.TenantSummary, error) { return c.TenantSummary(ctx) })
	if err != nil {
		return err
	}
	if now.Fleet == nil {
		return &usageError{"no fleet is set yet", "sipsteer apply fleet.yaml"}
	}
	parts, file, err := tenantParts(path, now.Fleet)
	if stale := unchanged(saved, &file); stale != nil {
		return stale
	}
	if err != nil {
		return err
	}
	w.file = &file
	upload := requestID()
	if err := a.stage(ctx, cs, w, upload, parts); err != nil {
		return err
	}
	return a.commitTenants(ctx, cs, w, upload, len(parts), file.Rows)
}

// commitTenants makes what was staged visible, if that is wanted.
func (a *app) commitTenants(ctx context.Context, cs clients, w *wish, upload string, parts, rows int) error {
	w.req.Tenants.Upload, w.req.Tenants.Part = upload, parts
	wanted, err := a.tenantsWanted(ctx, cs, w, rows)
	if err != nil || !wanted {
		a.giveUp(ctx, cs, w, upload)
		return err
	}
	return a.give(ctx, cs, w.req)
}

// tenantParts reads the file and checks it against the fleet. What it says of the
// file holds also when a row spoils it.
func tenantParts(path string, f *fleet.Fleet) (parts []string, file plan.File, err error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, file, &usageError{err.Error(), "sipsteer tenant import --help"}
	}
	defer in.Close() // nothing was written
	read := newHashed(in)
	parts, n, err := readTenants(path, read, f)
	file, failed := read.file(path)
	if failed != nil {
		return nil, file, failed
	}
	file.Rows = n
	return parts, file, err
}

func readTenants(path string, in io.Reader, f *fleet.Fleet) (parts []string, rows int, err error) {
	names := fleet.NewTenantNames(f)
	services := make([]string, len(f.Services))
	for i := range f.Services {
		services[i] = string(f.Services[i].Name)
	}
	list, err := config.ReadTenants(path, in, f.Zone, func(d fleet.TenantID, s fleet.ServiceID) (string, string) {
		switch {
		case d != "":
			return names.Problem(d), ""
		case f.Service(s) == nil:
			if near := fleet.Nearest(string(s), services); near != "" {
				return "is no service", "did you mean " + near + "?"
			}
			return "is no service", "sipsteer status   # lists them"
		}
		return "", ""
	})
	if err != nil {
		return nil, 0, err
	}
	changes := make([]fleet.TenantChange, len(list))
	for i, r := range list {
		changes[i] = fleet.TenantChange{Domain: r.Domain, Service: r.Service}
	}
	if len(changes) == 0 {
		return nil, 0, &usageError{path + " names no tenant", "the first line is: domain,service; the others name one tenant each"}
	}
	return steer.TenantRows(changes, tenantPart), len(changes), nil
}

// stage brings the rows into the log, part by part. That changes nothing yet.
func (a *app) stage(ctx context.Context, cs clients, w *wish, upload string, parts []string) error {
	for i, rows := range parts {
		req := api.CommandRequest{
			ID: fmt.Sprintf("%s-%d", upload, i), Kind: string(steer.KindTenantStage), By: w.req.By, Reason: w.req.Reason, ExpectEpoch: w.req.ExpectEpoch,
			Tenants: &api.TenantChange{Upload: upload, Part: i, Rows: rows},
		}
		if _, err := each(ctx, cs, actTimeout, doing(req)); err != nil {
			return err
		}
		if terminal(a.streams.Err) {
			fmt.Fprintf(a.streams.Err, "\rsending: %3d %%", 100*(i+1)/len(parts))
		}
	}
	if terminal(a.streams.Err) {
		fmt.Fprint(a.streams.Err, "\r               \r")
	}
	return nil
}

// giveUp forgets staged rows. If it fails the next import does it.
func (a *app) giveUp(ctx context.Context, cs clients, w *wish, upload string) {
	req := api.CommandRequest{ID: upload + "-end", Kind: string(steer.KindTenantStage), By: w.req.By, Reason: w.req.Reason, Tenants: &api.TenantChange{Upload: upload}}
	_, _ = each(ctx, cs, actTimeout, doing(req))
}

// tenantsWanted shows what the import would do, and says whether to go on.
func (a *app) tenantsWanted(ctx context.Context, cs clients, w *wish, rows int) (bool, error) {
	if w.yes {
		return true, nil // the guards look once more, at the leader
	}
	p, err := a.planStaged(ctx, cs, w.req)
	if err != nil {
		return false, err
	}
	if p.Refusal != nil {
		return false, api.AsError(p.Refusal)
	}
	p.File = w.file
	if a.json {
		a.printJSON(p)
	} else {
		fmt.Fprintf(a.streams.Out, "%d rows are well\n", rows)
		p.Write(a.streams.Out)
	}
	if w.out != "" {
		return false, a.savePlan(w.out, p)
	}
	if !terminal(a.streams.In) {
		fmt.Fprintln(a.streams.Err, "sipsteer: nothing was changed; to do it, repeat with --yes")
		return false, nil
	}
	fmt.Fprint(a.streams.Err, "\ntype yes to go on: ")
	line, _ := bufio.NewReader(a.streams.In).ReadString('\n')
	w.req.ExpectEpoch = cmp.Or(w.req.ExpectEpoch, p.Epoch)
	return strings.TrimSpace(line) == "yes", nil
}

// planStaged asks for the plan. The agent that answers may be some entries behind
// the leader, and not have all rows yet.
func (a *app) planStaged(ctx context.Context, cs clients, req api.CommandRequest) (plan.Plan, error) {
	for tries := 0; ; tries++ {
		p, err := each(ctx, cs, actTimeout, func(ctx context.Context, c *api.Client) (plan.Plan, error) { return c.Plan(ctx, req) })
		var e *api.Error
		if !errors.As(err, &e) || e.Category != api.Invalid || tries == 20 {
			return p, err
		}
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func (a *app) tenantListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "How many tenants each service has", Args: exactArgs(), Example: "  sipsteer tenant list",
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cs, err := a.clients()
			if err != nil {
				return err
			}
			s, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) (api.TenantSummary, error) { return c.TenantSummary(ctx) })
			if err != nil {
				return err
			}
			s.Fleet = nil
			if a.json {
				a.printJSON(s)
				return nil
			}
			rows := [][]string{{"SERVICE", "TENANTS"}}
			for _, x := range s.Services {
				rows = append(rows, []string{x.Service, fmt.Sprint(x.Tenants)})
			}
			table(a.streams.Out, palette{a.colours()}, append(rows, []string{"all", fmt.Sprint(s.Tenants)}))
			return nil
		}),
	}
}
