package agent

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// quarantineChange reads the source of a request.
func quarantineChange(c *steer.Command, req api.CommandRequest) error {
	if req.Source == "" {
		return nil
	}
	p, err := readSource(req.Source)
	if err != nil {
		return &api.Error{Category: api.Invalid, Field: "source", Message: fmt.Sprintf("%q is no address and no network", req.Source), Hint: "an address such as 203.0.113.7, or a network such as 203.0.113.0/24"}
	}
	c.Source = p
	return nil
}

func readSource(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(s)
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), err
}

// guardPeers is the part of rule own-sites that State does not know: where the
// agents are.
func (a *Agent) guardPeers(c steer.Command) error {
	if c.Kind != steer.KindQuarantine {
		return nil
	}
	for _, p := range a.peers() {
		for _, at := range []string{p.Raft, p.API} {
			host, _, err := net.SplitHostPort(at)
			if err != nil {
				continue
			}
			if ip, err := netip.ParseAddr(host); err == nil && c.Source.Contains(ip.Unmap().WithZone("")) {
				return &steer.Refusal{
					Rule: steer.RuleOwnSites, Hard: true, Text: fmt.Sprintf("%s holds the address of agent %s: its checks would be kept out", c.Source, p.Name),
					Value: ip.String() + " is in it", Limit: "no address of the fleet's own",
					Next: "sipsteer gate quarantine add with a network without " + ip.String(),
				}
			}
		}
	}
	return nil
}

func quarantines(s steer.State) []api.Quarantine {
	out := []api.Quarantine{}
	for _, q := range s.Quarantines {
		out = append(out, api.Quarantine{Source: q.Prefix.String(), Site: string(q.Site), Owner: q.Owner, Reason: q.Reason, Since: q.Since, Until: q.Until})
	}
	return out
}
