package options_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/options"
)

// What one question costs, the fake softswitch included.
func BenchmarkProbe(b *testing.B) {
	ca := wiretest.NewAuthority(b)
	for tr, addr := range map[fleet.Transport]netip.AddrPort{
		fleet.UDP: wiretest.UDP(b, answer("200 OK")),
		fleet.TCP: wiretest.TCP(b, wiretest.Serve(answer("200 OK"))),
		fleet.TLS: wiretest.TCP(b, wiretest.ServeTLS(ca.Config(wiretest.Leaf{}), answer("200 OK"))),
	} {
		b.Run(tr.String(), func(b *testing.B) {
			spec := probes.Spec{Check: health.Check{Target: health.Target{Transport: tr}, Kind: health.Options}, Address: addr}
			p := options.New(options.Config{})
			b.ReportAllocs()
			for b.Loop() {
				if res := p.Probe(context.Background(), spec); res.Outcome != health.Success {
					b.Fatalf("%+v", res)
				}
			}
		})
	}
}
