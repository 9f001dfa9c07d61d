package dnsserver

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"testing"
)

// benchRole makes this test binary a server of BenchmarkPeers: "ROLE PORT
// TENANTS".
const benchRole = "SIPSTEER_BENCH_ROLE"

// playRole runs a role until the process is killed; false if there is none.
func playRole() bool {
	var role string
	var port uint16
	var tenants int
	if n, _ := fmt.Sscan(os.Getenv(benchRole), &role, &port, &tenants); n != 3 {
		return false
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	if role == "echo" {
		echo(addr)
		return true
	}
	s, err := New(Config{Listen: []netip.AddrPort{addr}, Workers: 1})
	if err == nil {
		err = s.Start()
	}
	if err == nil {
		err = s.Serve(benchZone(&testing.B{}, tenants))
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

// echo sends back what it gets, with the same system calls as the server.
func echo(addr netip.AddrPort) {
	b, err := listenBatch(addr)
	for err == nil {
		n, problem := b.next()
		if err = problem; err != nil {
			break
		}
		for i := range n {
			b.txv[i].Base = &b.slots[i].in[0]
			b.txv[i].SetLen(int(b.rx[i].len))
			b.tx[i].hdr.Name, b.tx[i].hdr.Namelen = b.rx[i].hdr.Name, b.rx[i].hdr.Namelen
		}
		b.send(n)
	}
	fmt.Fprintln(os.Stderr, err)
}
