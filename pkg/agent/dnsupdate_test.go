package agent

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/dnsserver/update"
)

// The leader alone writes zones at others, and says what is wrong with them.
func TestOnlyTheLeaderUpdates(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Updates = []update.Config{{
			Zone: "voice.example.net", Server: netip.MustParseAddrPort("127.0.0.1:1"), // nobody listens there
			KeyName: "update.example", Secret: []byte("a secret of 32 octets or so, yes"),
		}}
	})
	w.eventually("the leader alone tells that the zone cannot be updated", func() bool {
		leader := w.leader()
		for i, a := range w.agents {
			telling := strings.Contains(a.effect().Problem, "dynamic update of voice.example.net.")
			if writing := a.updaters[0].Status().Writing; writing != (i == leader) || telling != (i == leader) {
				return false
			}
		}
		return leader >= 0
	})
}
