package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Parent says whom to ask what the zone above names of our keys (DS records).
// Without servers and resolver nobody is asked.
type Parent struct {
	// Servers are name servers of the zone above; all of them must agree.
	Servers []netip.AddrPort
	// Resolver finds them, where Servers is empty.
	Resolver netip.AddrPort
	// Port of the servers that the resolver finds. Default 53.
	Port uint16
}

func (p Parent) set() bool { return len(p.Servers) > 0 || p.Resolver.IsValid() }

const (
	// parentTimeout bounds the search for the servers of the zone above, and all
	// questions to them.
	parentTimeout = 5 * time.Second
	// parentTry bounds one question; a lost one is asked once more.
	parentTry = 1500 * time.Millisecond
	// parentMost bounds the addresses that are asked: a zone has 13 name servers
	// at most as a rule, with two addresses each.
	parentMost = 40
)

// ZoneAbove implements api.Backend.
func (a *Agent) ZoneAbove(ctx context.Context) (api.ZoneAbove, error) {
	out := api.ZoneAbove{By: string(a.cfg.Name), At: a.now().UTC(), Asked: a.cfg.Parent.set(), Servers: []api.ParentServer{}}
	s := a.state()
	for _, p := range a.askParent(ctx, s) {
		out.Servers = append(out.Servers, api.ParentServer{ParentServer: p, Says: p.Words(s)})
	}
	return out, nil
}

// askParent asks every name server of the zone above for our DS set. Who cannot be
// found or asked is in the list, with the reason.
func (a *Agent) askParent(ctx context.Context, s steer.State) []plan.ParentServer {
	if !a.cfg.Parent.set() || s.Fleet == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, parentTimeout)
	defer cancel()
	zone := s.Fleet.FQDN(s.Fleet.Zone + ".")
	list, err := a.cfg.Parent.find(ctx, zone)
	if err != nil {
		return []plan.ParentServer{{Address: a.cfg.Parent.Resolver.String(), Problem: fmt.Sprintf("does not tell the name servers of the zone above: %v", err)}}
	}
	var wg sync.WaitGroup
	for i := range list {
		if p := &list[i]; p.Problem == "" {
			wg.Go(func() { askDS(ctx, zone, p) })
		}
	}
	wg.Wait()
	return reached(list)
}

// reached leaves addresses out that do not answer while another one of the same
// server does: not every host has both IPv4 and IPv6.
func reached(list []plan.ParentServer) []plan.ParentServer {
	return slices.DeleteFunc(slices.Clone(list), func(p plan.ParentServer) bool {
		return p.Problem != "" && p.Name != "" && slices.ContainsFunc(list, func(o plan.ParentServer) bool { return o.Name == p.Name && o.Problem == "" })
	})
}

// find lists the name servers of the zone above.
func (p Parent) find(ctx context.Context, zone string) ([]plan.ParentServer, error) {
	var out []plan.ParentServer
	for _, s := range p.Servers {
		out = append(out, plan.ParentServer{Address: s.String()})
	}
	if len(out) > 0 {
		return out, nil
	}
	hosts, err := p.hosts(ctx, zone)
	if err != nil {
		return nil, err
	}
	for _, host := range hosts {
		before := len(out)
		var problem error
		for _, qtype := range []string{"A", "AAAA"} {
			found, err := askRecords(ctx, p.Resolver, host, qtype, true)
			problem = errors.Join(problem, err)
			for _, text := range found.data {
				if addr, err := netip.ParseAddr(text); err == nil {
					out = append(out, plan.ParentServer{Address: netip.AddrPortFrom(addr, cmp.Or(p.Port, 53)).String(), Name: host})
				}
			}
		}
		if len(out) == before {
			why := "has no address"
			if problem != nil {
				why = problem.Error()
			}
			out = append(out, plan.ParentServer{Address: host, Name: host, Problem: why})
		}
	}
	return out[:min(len(out), parentMost)], nil
}

// hosts finds the zone above, one label higher or more, by its NS records.
func (p Parent) hosts(ctx context.Context, zone string) ([]string, error) {
	for name := zone; name != "."; {
		_, name, _ = strings.Cut(name, ".")
		name = cmp.Or(name, ".")
		found, err := askRecords(ctx, p.Resolver, name, "NS", true)
		if err != nil || len(found.data) > 0 {
			return found.data, err
		}
	}
	return nil, errors.New("not even the root zone has name servers there")
}

// askDS asks one name server of the zone above what it names.
func askDS(ctx context.Context, zone string, p *plan.ParentServer) {
	to, err := netip.ParseAddrPort(p.Address)
	if err != nil {
		p.Problem = err.Error()
		return
	}
	found, err := askRecords(ctx, to, zone, "DS", false)
	switch {
	case err != nil:
		p.Problem = err.Error()
	case !found.authoritative:
		p.Problem = "answers without authority: it is no name server of the zone above"
	case len(found.data) == 0 && found.soa == "":
		p.Problem = "answers without a SOA record of the zone above"
	case len(found.data) == 0 && strings.EqualFold(found.soa, zone):
		p.Problem = "is a name server of this zone, not of the one above"
	default:
		p.DS = found.data
	}
}

// records are those of one set, and who says so.
type records struct {
	data          []string
	authoritative bool
	soa           string // owner of the SOA record beside a denial
}

// askRecords asks for a set, twice if the first question is lost.
func askRecords(ctx context.Context, server netip.AddrPort, name, qtype string, recursive bool) (records, error) {
	var reply dnsserver.Reply
	var err error
	for range 2 {
		try, cancel := context.WithTimeout(ctx, parentTry)
		reply, err = dnsserver.Ask(try, server, name, qtype, recursive)
		cancel()
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return records{}, fmt.Errorf("does not answer: %w", cmp.Or(errors.Unwrap(err), err)) // the address stands beside it
	}
	if reply.RCode != "NOERROR" {
		return records{}, fmt.Errorf("answers %s for %s", reply.RCode, name)
	}
	out := records{authoritative: reply.Authoritative}
	for _, line := range reply.Answer {
		if f := strings.Fields(line); len(f) > 4 && f[3] == qtype && strings.EqualFold(f[0], name) {
			out.data = append(out.data, strings.Join(f[4:], " "))
		}
	}
	for _, line := range reply.Authority {
		if f := strings.Fields(line); len(f) > 4 && f[3] == "SOA" {
			out.soa = f[0]
		}
	}
	return out, nil
}
