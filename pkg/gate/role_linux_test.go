package gate

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"os/signal"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// benchRole makes this test binary the gate of BenchmarkPeers: "PORT TLSPORT
// CERTIFICATE KEY".
const benchRole = "SIPSTEER_BENCH_GATE"

// PlayRole runs a drained gate until the process is interrupted or killed; false
// if that is not wanted.
func PlayRole() bool {
	var port, tlsPort uint16
	var cert, key string
	if n, _ := fmt.Sscan(os.Getenv(benchRole), &port, &tlsPort, &cert, &key); n != 4 {
		return false
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return true
	}
	at := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port) }
	g, err := New(Config{
		Site: "calgary", UDPSockets: 1, TLS: &tls.Config{Certificates: []tls.Certificate{pair}},
		Listen: []Listener{{fleet.UDP, at(port)}, {fleet.TCP, at(port)}, {fleet.TLS, at(tlsPort)}}, Refusals: DefaultRefusals(),
	})
	if err == nil {
		rules := map[fleet.Transport]Rule{}
		for _, t := range []fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS} {
			rules[t] = Rule{Mode: Draining, Reason: "site drained"}
		}
		g.SetPolicy(Policy{Rules: rules})
		err = g.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return true
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	<-ctx.Done()
	return true
}
