package cli

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func zoneOfEpoch(epoch uint64) srv.Zone {
	f := fleettest.ThreeSites()
	return steer.Records(steer.State{Epoch: epoch, Fleet: &f})
}

// nameServerAt answers a zone until the test ends, and returns where.
func nameServerAt(t *testing.T, zone srv.Zone, nsid string) string {
	t.Helper()
	s, err := dnsserver.New(dnsserver.Config{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, NSID: nsid})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Serve(&zone), s.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s.Addrs()[0].String()
}

// Every name server is asked; one that is behind, or does not answer, is
// told and is the exit code; a resolver that lags is told alone.
func TestNameServersAreSeen(t *testing.T) {
	current, behind := nameServerAt(t, zoneOfEpoch(9), "calgary"), nameServerAt(t, zoneOfEpoch(7), "ottawa")
	mute, err := net.ListenPacket("udp", "127.0.0.1:0") // closed: nobody answers there
	if err != nil {
		t.Fatal(err)
	}
	dead := mute.LocalAddr().String()
	if err := mute.Close(); err != nil {
		t.Fatal(err)
	}
	zone := zoneOfEpoch(9)
	for _, tc := range []struct {
		servers, resolvers []string
		code               int
		says               []string
	}{
		{[]string{current}, nil, 0, []string{current + "  calgary  name server  9", "current"}},
		{[]string{current, behind}, nil, 1, []string{"ottawa", "2 behind"}},
		{[]string{current}, []string{behind}, 0, []string{"resolver", "2 behind"}},
		{[]string{current, dead}, nil, 1, []string{"refused"}},
	} {
		seen, err := toAsk(&zone, 53, tc.servers, tc.resolvers)
		if err != nil {
			t.Fatal(err)
		}
		askAll(t.Context(), &zone, seen)
		var out bytes.Buffer
		a := &app{streams: Streams{Out: &out, Err: &out}, env: func(string) string { return "" }}
		var code *exitError
		err = a.showServers(seen, 9, 9)
		if got := errors.As(err, &code); got != (tc.code != 0) {
			t.Errorf("%v: %v", tc.servers, err)
		}
		for _, word := range tc.says {
			if !strings.Contains(out.String(), word) {
				t.Errorf("%v: %q is not in\n%s", tc.servers, word, &out)
			}
		}
	}
}

// Without others given, the published name servers are asked where they are
// published.
func TestPublishedNameServersAreAsked(t *testing.T) {
	zone := zoneOfEpoch(1)
	seen, err := toAsk(&zone, 5300, nil, []string{"192.0.2.1:53"})
	if err != nil || len(seen) != 4 || seen[0].Address != "127.10.1.1:5300" || seen[0].Name != "ns1.voice.example.net." || seen[3].Kind != "resolver" {
		t.Errorf("%v, %v", seen, err)
	}
	if _, err := toAsk(&zone, 53, []string{"localhost"}, nil); err == nil {
		t.Error("a name is taken for an address")
	}
}
