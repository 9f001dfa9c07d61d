package dns_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	dnsprobe "github.com/sipsteer/sipsteer/probes/dns"
)

const name = "_sip._udp.west.example.net."

// server answers over UDP as it is told.
func server(t *testing.T, answer func(w mdns.ResponseWriter, q, good *mdns.Msg)) netip.AddrPort {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mdns.Server{PacketConn: pc, Handler: mdns.HandlerFunc(func(w mdns.ResponseWriter, q *mdns.Msg) {
		good := new(mdns.Msg).SetReply(q)
		good.Authoritative = true
		rr, _ := mdns.NewRR(name + " 5 IN SRV 10 100 5060 sip.calgary.example.net.")
		good.Answer = []mdns.RR{rr}
		answer(w, q, good)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.ActivateAndServe()
	}()
	t.Cleanup(func() {
		pc.Close()
		<-done
	})
	return pc.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, contains string
		answer         func(w mdns.ResponseWriter, q, good *mdns.Msg)
		cause          health.Cause
	}{
		{"good", "SIP.CALGARY.", func(w mdns.ResponseWriter, _, good *mdns.Msg) { _ = w.WriteMsg(good) }, ""},
		{"without the text", "sip.ottawa.", func(w mdns.ResponseWriter, _, good *mdns.Msg) { _ = w.WriteMsg(good) }, health.CauseContent},
		{"empty", "", func(w mdns.ResponseWriter, _, good *mdns.Msg) { good.Answer = nil; _ = w.WriteMsg(good) }, health.CauseStatus},
		{"refused", "", func(w mdns.ResponseWriter, q, _ *mdns.Msg) {
			_ = w.WriteMsg(new(mdns.Msg).SetRcode(q, mdns.RcodeRefused))
		}, health.CauseStatus},
		{"not authoritative", "", func(w mdns.ResponseWriter, _, good *mdns.Msg) { good.Authoritative = false; _ = w.WriteMsg(good) }, health.CauseStatus},
		{"silent", "", func(mdns.ResponseWriter, *mdns.Msg, *mdns.Msg) {}, health.CauseTimeout},
		{"another question's", "", func(w mdns.ResponseWriter, _, good *mdns.Msg) { good.Id++; _ = w.WriteMsg(good) }, health.CauseMalformed},
		{"rubbish first", "", func(w mdns.ResponseWriter, _, good *mdns.Msg) { _, _ = w.Write([]byte("hello")); _ = w.WriteMsg(good) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			limit := 20 * time.Second
			if tt.cause == health.CauseTimeout || tt.cause == health.CauseMalformed {
				limit = 500 * time.Millisecond // runs into it
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			spec := probes.Spec{
				Check:   health.Check{Target: health.Target{Transport: fleet.UDP}, Kind: health.DNS.Named("a")},
				Address: server(t, tt.answer), Question: probes.Question{Name: name, Type: "SRV", Contains: tt.contains},
			}
			if got := dnsprobe.New().Probe(ctx, spec); got.Cause != tt.cause {
				t.Errorf("%+v, want cause %q", got, tt.cause)
			}
		})
	}
}

// TestAResolverHasNoAuthority: it is asked to resolve, and its answer counts without
// authority; an error of it does not.
func TestAResolverHasNoAuthority(t *testing.T) {
	for _, tt := range []struct {
		rcode int
		cause health.Cause
	}{{mdns.RcodeSuccess, health.CauseNone}, {mdns.RcodeServerFailure, health.CauseStatus}} {
		desired := make(chan bool, 1)
		addr := server(t, func(w mdns.ResponseWriter, q, good *mdns.Msg) {
			desired <- q.RecursionDesired
			good.Authoritative, good.RecursionAvailable, good.Rcode = false, true, tt.rcode
			_ = w.WriteMsg(good)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		got := dnsprobe.New().Probe(ctx, probes.Spec{
			Check:   health.Check{Target: health.Target{Transport: fleet.UDP}, Kind: health.DNS.Named("a")},
			Address: addr, Question: probes.Question{Name: name, Type: "SRV", Contains: "sip.calgary", Resolver: true},
		})
		cancel()
		if got.Cause != tt.cause || !<-desired {
			t.Errorf("rcode %d: %+v", tt.rcode, got)
		}
	}
}
