package agent

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// lookAtNameServers asks our name servers and the secondaries which epoch they
// serve, from all agents that can be reached, and resolvers of others, from here,
// how long they hold the names.
func (a *Agent) lookAtNameServers(ctx context.Context, s steer.State) []plan.NameServer {
	others := a.others()
	seen := make([][]plan.NameServer, len(others)+1)
	var wg sync.WaitGroup
	wg.Go(func() { seen[0] = a.askNameServers(ctx, toAskOf(s, a.cfg)) })
	for i, p := range others {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, askTimeout+time.Second)
			defer cancel()
			list, err := a.clientOf(p).NameServers(ctx)
			if err != nil {
				return // not reached is told by its effect; an older one does not know the question
			}
			for _, n := range list {
				seen[i+1] = append(seen[i+1], plan.NameServer{Kind: n.Kind, Address: n.Address, From: p.Name, Name: n.Name, Problem: n.Problem, Serial: n.Serial})
			}
		})
	}
	wg.Wait()
	return slices.Concat(seen...)
}

// NameServers implements api.Backend.
func (a *Agent) NameServers(ctx context.Context) ([]api.NameServerSeen, error) {
	out := []api.NameServerSeen{}
	s := a.state()
	if s.Fleet == nil {
		return out, nil
	}
	cfg := a.cfg
	cfg.Readiness.Resolvers = nil // asked by who looks
	for _, n := range a.askNameServers(ctx, toAskOf(s, cfg)) {
		out = append(out, api.NameServerSeen{Kind: n.Kind, Address: n.Address, Name: n.Name, Problem: n.Problem, Serial: n.Serial})
	}
	return out, nil
}

// askNameServers asks all at the same time.
func (a *Agent) askNameServers(ctx context.Context, list []plan.NameServer) []plan.NameServer {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for i := range list {
		list[i].From = a.cfg.Name
		wg.Go(func() { askNameServer(ctx, &list[i]) })
	}
	wg.Wait()
	return list
}

// toAskOf lists whom to ask for what.
func toAskOf(s steer.State, cfg Config) []plan.NameServer {
	var out []plan.NameServer
	port := cmp.Or(cfg.Readiness.Port, 53)
	for _, n := range s.Fleet.NameServers {
		for _, addr := range n.Addresses {
			out = append(out, plan.NameServer{Kind: plan.Published, Address: netip.AddrPortFrom(addr, port).String(), Name: s.Fleet.Zone})
		}
	}
	for _, sec := range cfg.DNS.Secondaries {
		if sec.Notify.IsValid() {
			out = append(out, plan.NameServer{Kind: plan.Follower, Address: sec.Notify.String(), Name: s.Fleet.Zone})
		}
	}
	for _, r := range cfg.Readiness.Resolvers {
		for i := range s.Fleet.Services {
			svc := &s.Fleet.Services[i]
			out = append(out, plan.NameServer{
				Kind: plan.Resolver, Address: r.String(), Name: svc.Transports[0].Label() + "." + s.Fleet.FQDN(string(svc.Name)+"."), Most: s.Fleet.ServiceTTL(svc).Normal.D(),
			})
		}
		for _, name := range cfg.Readiness.Names {
			out = append(out, plan.NameServer{Kind: plan.Resolver, Address: r.String(), Name: name, Most: s.Fleet.Policy.TTLNormal.D()})
		}
	}
	return out
}

func askNameServer(ctx context.Context, n *plan.NameServer) {
	to, err := netip.ParseAddrPort(n.Address)
	if err != nil {
		n.Problem = err.Error()
		return
	}
	qtype := "SOA"
	if n.Kind == plan.Resolver {
		qtype = "SRV"
	}
	reply, err := dnsserver.Ask(ctx, to, n.Name, qtype, n.Kind == plan.Resolver)
	switch {
	case err != nil:
		n.Problem = err.Error()
	case reply.RCode != "NOERROR":
		n.Problem = "answers " + reply.RCode
	case n.Kind != plan.Resolver && reply.Serial == 0:
		n.Problem = "answers without a SOA record"
	case n.Kind == plan.Resolver && len(reply.Answer) == 0:
		n.Problem = fmt.Sprintf("answers without a %s record", srv.TypeSRV)
	default:
		n.Serial, n.TTL = reply.Serial, longestTTL(reply.Answer)
	}
}

// longestTTL is that of the record of an answer that is held longest: a CNAME on
// the way counts.
func longestTTL(answer []string) time.Duration {
	longest := 0
	for _, line := range answer {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		if n, err := strconv.Atoi(fields[1]); err == nil {
			longest = max(longest, n)
		}
	}
	return time.Duration(longest) * time.Second
}
