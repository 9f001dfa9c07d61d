package cli

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// dnsTimeout bounds a question to one name server.
const dnsTimeout = 3 * time.Second

// seenServer is one name server as it is seen from here.
type seenServer struct {
	Address  string `json:"address"`
	Kind     string `json:"kind"` // name server, resolver
	Name     string `json:"name,omitempty"`
	Serial   uint32 `json:"serial"`
	Current  bool   `json:"current"`
	TookUsec int64  `json:"took_us"`
	Error    string `json:"error,omitempty"`
}

func (a *app) dnsCheckCmd() *cobra.Command {
	port := uint16(53)
	var servers, resolvers []string
	c := &cobra.Command{
		Use: "check", Short: "Ask every name server of the zone, from here, which epoch it serves", Args: exactArgs(),
		Long: `Asks the name servers that the zone publishes, at their published addresses, for
the SOA record, whose serial is the epoch. Resolvers may be asked beside them:
they may lag by the zone's negative lifetime. Exit code 1 when a name server does
not answer or serves another epoch.`,
		Example: "  sipsteer dns check\n  sipsteer dns check --port 5300 --resolver 9.9.9.9:53",
	}
	c.Flags().Uint16Var(&port, "port", port, "port of the published name servers")
	c.Flags().StringArrayVar(&servers, "server", nil, "ask this name server, IP:PORT, instead of the published ones; may be repeated")
	c.Flags().StringArrayVar(&resolvers, "resolver", nil, "ask this resolver too, IP:PORT; may be repeated")
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		cs, err := a.clients()
		if err != nil {
			return err
		}
		zone, err := zoneAt(cmd.Context(), cs, "now", noTenants)
		if err != nil {
			return err
		}
		seen, err := toAsk(&zone, port, servers, resolvers)
		if err != nil {
			return err
		}
		askAll(cmd.Context(), &zone, seen)
		// The fleet may have moved while the servers were asked.
		s, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) (api.Status, error) { return c.Status(ctx) })
		if err != nil {
			return err
		}
		return a.showServers(seen, zone.SOA.Serial, uint32(s.Epoch))
	})
	return c
}

// toAsk lists whom to ask: the name servers of the zone at their addresses, or
// those that are given, and the resolvers.
func toAsk(z *srv.Zone, port uint16, servers, resolvers []string) ([]*seenServer, error) {
	var out []*seenServer
	for i, list := range [][]string{servers, resolvers} {
		for _, s := range list {
			if _, err := netip.ParseAddrPort(s); err != nil {
				return nil, &usageError{fmt.Sprintf("%q is no IP address and port", s), "127.10.1.1:5300, or [2001:db8::53]:53"}
			}
			out = append(out, &seenServer{Address: s, Kind: []string{"name server", "resolver"}[i]})
		}
	}
	if len(servers) > 0 {
		return out, nil
	}
	ns, _ := z.Lookup(z.Origin, srv.TypeNS)
	var published []*seenServer
	for _, d := range ns.Data {
		host := d.(srv.NS).Host
		for _, t := range []srv.Type{srv.TypeA, srv.TypeAAAA} {
			set, _ := z.Lookup(host, t)
			for _, addr := range set.Data {
				if ip, err := netip.ParseAddr(addr.String()); err == nil {
					published = append(published, &seenServer{Address: netip.AddrPortFrom(ip, port).String(), Kind: "name server", Name: host})
				}
			}
		}
	}
	return append(published, out...), nil
}

// askAll asks all at once.
func askAll(ctx context.Context, z *srv.Zone, seen []*seenServer) {
	ctx, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	var asking sync.WaitGroup
	for _, s := range seen {
		asking.Go(func() {
			began := time.Now()
			reply, err := dnsserver.Ask(ctx, netip.MustParseAddrPort(s.Address), z.Origin, "SOA", s.Kind == "resolver")
			s.TookUsec = time.Since(began).Microseconds()
			switch {
			case err != nil:
				s.Error = err.Error()
			case reply.RCode != "NOERROR" || reply.Serial == 0:
				s.Error = "answers " + reply.RCode + " without a SOA record"
			default:
				s.Serial = reply.Serial
				if reply.Server != "" {
					s.Name = reply.Server
				}
			}
		})
	}
	asking.Wait()
}

// showServers prints what was seen; before and after are the epochs in force
// when it began and ended, either of which is current.
func (a *app) showServers(seen []*seenServer, before, after uint32) error {
	p := palette{a.colours()}
	rows := [][]string{{"ADDRESS", "NAME", "KIND", "EPOCH", "TOOK", ""}}
	bad := false
	for _, s := range seen {
		s.Current = s.Error == "" && (s.Serial == before || s.Serial == after)
		word := p.good("current")
		switch {
		case s.Error != "":
			word = p.bad(clean(s.Error))
		case !s.Current:
			word = p.warn(fmt.Sprintf("%d behind", int64(after)-int64(s.Serial)))
		}
		bad = bad || !s.Current && s.Kind != "resolver"
		took := (time.Duration(s.TookUsec) * time.Microsecond).Round(10 * time.Microsecond)
		rows = append(rows, []string{s.Address, clean(s.Name), s.Kind, fmt.Sprint(s.Serial), took.String(), word})
	}
	if a.json {
		a.printJSON(map[string]any{"epoch": after, "servers": seen})
	} else {
		table(a.streams.Out, p, rows)
	}
	if bad {
		return &exitError{code: 1}
	}
	return nil
}
