package agent

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// redirectTargets are the other sites that serve a transport and are healthy
// there, the best of the services' orders first: where a device is sent that
// looks up no SRV. With TLS they are named, not numbered: a certificate is for
// a name.
func redirectTargets(s steer.State, site fleet.SiteID) map[fleet.Transport][]string {
	out := map[fleet.Transport][]string{}
	for i := range s.Fleet.Services {
		svc := &s.Fleet.Services[i]
		if !slices.Contains(svc.Sites, site) {
			continue
		}
		for t, targets := range steer.Answers(s, svc) {
			targets = slices.Clone(targets)
			slices.SortStableFunc(targets, func(a, b steer.Target) int { return cmp.Compare(a.Priority, b.Priority) })
			for _, target := range targets {
				other := s.Fleet.Site(target.Site)
				if target.Site == site || other == nil || s.SiteStatus(target.Site, t) != health.Up {
					continue
				}
				if uri := siteURI(s.Fleet, other, t); !slices.Contains(out[t], uri) {
					out[t] = append(out[t], uri)
				}
			}
		}
	}
	return out
}

func siteURI(f *fleet.Fleet, site *fleet.Site, t fleet.Transport) string {
	if t.Secure() {
		host := strings.TrimSuffix(f.HostName(site), ".")
		return "sip:" + net.JoinHostPort(host, strconv.Itoa(int(site.Port(t)))) + ";transport=" + t.String()
	}
	return "sip:" + hostPort(site, t) + ";transport=" + t.String()
}
