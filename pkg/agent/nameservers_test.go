package agent

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/pkg/plan"
)

// TestNameServersAreAskedByAllAgents: what each of them reaches comes together; an
// agent that is dead says nothing of them.
func TestNameServersAreAskedByAllAgents(t *testing.T) {
	good, dead := loopbacktest.AddrPort(t, 5300), loopbacktest.AddrPort(t, 5300)
	w := newWorld(t, func(c *Config) {
		if c.Name == "calgary" {
			c.DNS.Listen = []netip.AddrPort{good}
		}
		c.DNS.Keys = []dnsserver.TSIGKey{{Name: "k", Secret: make([]byte, 32)}}
		c.DNS.Secondaries = []dnsserver.Secondary{{Notify: good, Key: "k"}, {Notify: dead, Key: "k"}}
	})
	asked := func() (well, ill string) {
		by := func(bad bool) string {
			var out []string
			for _, n := range w.agents[0].lookAtNameServers(t.Context(), w.agents[0].state()) {
				if n.Kind != plan.Follower || (n.Problem != "") != bad {
					continue
				}
				if n.Address != map[bool]string{false: good.String(), true: dead.String()}[bad] {
					t.Errorf("%+v", n)
				}
				out = append(out, string(n.From))
			}
			slices.Sort(out)
			return strings.Join(out, " ")
		}
		return by(false), by(true)
	}
	w.eventually("all three to have asked", func() bool {
		well, ill := asked()
		return well == "calgary ottawa vancouver" && ill == well
	})
	gone := slices.IndexFunc(w.cfgs, func(c Config) bool { return c.Name == fleet.AgentID("vancouver") })
	if gone == 0 {
		t.Fatal("the agent that looks is the one to be stopped")
	}
	w.stop(gone)
	if well, ill := asked(); well != "calgary ottawa" || ill != well {
		t.Errorf("well %q, ill %q", well, ill)
	}
}
