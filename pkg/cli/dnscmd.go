package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func (a *app) dnsCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "dns", Short: "What the name servers answer, now and at any epoch",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Sprintf("unknown command %q for dns", args[0]), "sipsteer dns query NAME TYPE, dns zone, dns check, dns ds, or dns key"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.dnsQueryCmd(), a.dnsZoneCmd(), a.dnsCheckCmd(), a.dnsDSCmd(), a.dnsKeyCmd())
	return c
}

// zoneAt is the steered zone of an epoch; "now" is the one in force. It has the
// tenants that the pages hold.
func zoneAt(ctx context.Context, cs clients, epoch string, pages iter.Seq2[api.TenantPage, error]) (srv.Zone, error) {
	s, err := stateAt(ctx, cs, epoch)
	if err != nil {
		return srv.Zone{}, err
	}
	var tenants *fleet.Tenants
	for page, err := range pages {
		if err != nil {
			return srv.Zone{}, err
		}
		if tenants, _, err = tenants.Edit(tenantRows(page)); err != nil {
			return srv.Zone{}, fmt.Errorf("read tenants: %w", err)
		}
	}
	// The records are made with them: a service without tenants has no cohorts.
	if s.Tenants, err = steer.NewTenantTable(tenants); err != nil {
		return srv.Zone{}, err
	}
	return steer.Records(s), nil
}

// stateAt is the State of an epoch, without tenants; "now" is the one in force.
func stateAt(ctx context.Context, cs clients, epoch string) (steer.State, error) {
	n, err := epochOf(epoch)
	if err != nil {
		return steer.State{}, err
	}
	if n == 0 {
		s, err := ask(ctx, cs, func(ctx context.Context, c *api.Client) (api.Status, error) { return c.Status(ctx) })
		if err != nil {
			return steer.State{}, err
		}
		n = s.Epoch
	}
	p, err := ask(ctx, cs, func(ctx context.Context, c *api.Client) (api.PastState, error) { return c.Past(ctx, n, false) })
	return p.State, err
}

func noTenants(func(api.TenantPage, error) bool) {}

// tenantOf asks for the tenant that a name in the DNS belongs to at an epoch, 0
// for now, if there is one: what stands before its domain begins with underscores (RFC 8552).
func tenantOf(ctx context.Context, cs clients, epoch uint64, name string) iter.Seq2[api.TenantPage, error] {
	domain := strings.TrimSuffix(strings.ToLower(name), ".")
	for strings.HasPrefix(domain, "_") {
		_, domain, _ = strings.Cut(domain, ".")
	}
	if domain == "" {
		return noTenants
	}
	return func(yield func(api.TenantPage, error) bool) {
		yield(each(ctx, cs, actTimeout, func(ctx context.Context, c *api.Client) (api.TenantPage, error) {
			if epoch != 0 {
				return c.PastTenant(ctx, epoch, domain, false)
			}
			return c.Tenant(ctx, domain)
		}))
	}
}

func (a *app) dnsQueryCmd() *cobra.Command {
	epoch := "now"
	c := &cobra.Command{
		Use: "query NAME TYPE", Short: "Show the answer to a question, as it is now or was at an epoch", Args: exactArgs("NAME", "TYPE"),
		Long: `Computes the whole answer from the decision of an epoch, with the code that
answers phones: no name server is asked. sipsteer dns check asks them. Records of
zone files are not in it; the tenant is as it was at the epoch.`,
		Example: "  sipsteer dns query _sip._udp.west.voice.example.net SRV\n  sipsteer dns query west.voice.example.net NAPTR --at 412",
	}
	c.Flags().StringVar(&epoch, "at", epoch, "epoch to answer from")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		cs, err := a.clients()
		if err != nil {
			return err
		}
		at, err := epochOf(epoch)
		if err != nil {
			return err
		}
		zone, err := zoneAt(cmd.Context(), cs, epoch, tenantOf(cmd.Context(), cs, at, args[0]))
		if err != nil {
			return err
		}
		reply, err := dnsserver.AskZone(&zone, args[0], args[1])
		if errors.Is(err, dnsserver.ErrQuestion) {
			return &usageError{err.Error(), "sipsteer dns query west.voice.example.net SRV"}
		}
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(struct {
				Epoch uint64 `json:"epoch"`
				dnsserver.Reply
			}{zone.Epoch, reply})
			return nil
		}
		fmt.Fprintf(a.streams.Out, "epoch %d: %s, %d octets\n", zone.Epoch, reply.RCode, reply.Octets)
		for _, section := range []struct {
			name string
			list []string
		}{{"answer", reply.Answer}, {"authority", reply.Authority}, {"additional", reply.Additional}} {
			if len(section.list) > 0 {
				fmt.Fprintf(a.streams.Out, "%s:\n  %s\n", section.name, strings.Join(section.list, "\n  "))
			}
		}
		return nil
	})
	return c
}

func (a *app) dnsZoneCmd() *cobra.Command {
	epoch := "now"
	c := &cobra.Command{
		Use: "zone", Short: "Print the steered zone as a zone file, tenants written out", Args: exactArgs(),
		Example: "  sipsteer dns zone > voice.zone\n  sipsteer dns zone --at 412",
	}
	c.Flags().StringVar(&epoch, "at", epoch, "epoch to print")
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		cs, err := a.clients()
		if err != nil {
			return err
		}
		at, err := epochOf(epoch)
		if err != nil {
			return err
		}
		zone, err := zoneAt(cmd.Context(), cs, epoch, tenantPages(cmd.Context(), cs, at))
		if err != nil {
			return err
		}
		if a.json {
			var text strings.Builder
			if err := zone.Print(&text); err != nil {
				return err
			}
			a.printJSON(map[string]any{"epoch": zone.Epoch, "origin": zone.Origin, "zone": text.String()})
			return nil
		}
		out := bufio.NewWriter(a.streams.Out)
		return errors.Join(zone.Print(out), out.Flush())
	})
	return c
}
