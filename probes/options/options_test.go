package options_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/options"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func probe(t *testing.T, tr fleet.Transport, addr netip.AddrPort, timeout time.Duration) probes.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return options.New(options.Config{}).Probe(ctx, probes.Spec{
		Check:   health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: tr}, Kind: health.Options},
		Address: addr, ServerName: "voice.example.net", ExpectStatus: []int{404},
	})
}

// Long is for tests that must not run into it, short for those that must.
const (
	long  = 20 * time.Second
	short = 400 * time.Millisecond
)

func answer(status string) wiretest.Handler {
	return func(req string) []byte { return wiretest.Answer(req, status, "") }
}

// edit returns a correct answer with one thing changed.
func edit(old, new string) wiretest.Handler {
	return func(req string) []byte {
		return []byte(strings.Replace(string(wiretest.Answer(req, "200 OK", "")), old, new, 1))
	}
}

func TestAnswers(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	endless := func(string) []byte {
		return []byte("SIP/2.0 200 OK\r\nX: " + strings.Repeat("x", 60<<10) + "\r\nY: " + strings.Repeat("y", 60<<10) + "\r\n")
	}
	for _, tt := range []struct {
		name    string
		handler wiretest.Handler
		timeout time.Duration
		want    health.Outcome
		cause   health.Cause
		detail  string
	}{
		{"200", answer("200 OK"), long, health.Success, "", "200 OK"},
		{"expected status", answer("404 Not Found"), long, health.Success, "", "404"},
		{"503", answer("503 Service Unavailable"), long, health.Failure, health.CauseStatus, "503 Service Unavailable"},
		{"a 408 of the softswitch's own is a status", answer("408 Request Timeout"), long, health.Failure, health.CauseStatus, "408"},
		{"only a provisional answer", func(req string) []byte {
			return wiretest.Answer(req, "100 Trying", "")
		}, short, health.Failure, health.CauseTimeout, ""},
		{"silent", func(string) []byte { return nil }, short, health.Failure, health.CauseTimeout, "no answer in time"},
		{"garbage", func(string) []byte { return []byte("\x00\x01\x02 garbage\r\n\r\n") }, short, health.Failure, health.CauseMalformed, "not SIP"},
		{"another branch", edit("branch=z9hG4bK", "branch=z9hG4bKother"), short, health.Failure, health.CauseMalformed, "another branch"},
		{"another Call-ID", edit("Call-ID: ", "Call-ID: x"), short, health.Failure, health.CauseMalformed, "another Call-ID"},
		{"another CSeq", edit("CSeq: 1 ", "CSeq: 2 "), short, health.Failure, health.CauseMalformed, "another CSeq"},
		{"another method", edit("1 OPTIONS", "1 INVITE"), short, health.Failure, health.CauseMalformed, "another CSeq"},
		{"another From tag", edit("tag=", "tag=x"), short, health.Failure, health.CauseMalformed, "another From tag"},
		{"two Via", edit("From:", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom:"), short, health.Failure, health.CauseMalformed, "more than our Via"},
		{"no Via", edit("Via:", "X-Via:"), short, health.Failure, health.CauseMalformed, "without Via"},
		{"status 99", edit("SIP/2.0 200", "SIP/2.0 99"), short, health.Failure, health.CauseMalformed, ""},
		{"our own request back", func(req string) []byte { return []byte(req) }, short, health.Failure, health.CauseMalformed, "request instead of an answer"},
		{"control characters are not passed on", answer("503 \x1b[31mred\x07"), long, health.Failure, health.CauseStatus, "503 ?[31mred?"},
		{"an answer without end", endless, short, health.Failure, health.CauseMalformed, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			servers := map[fleet.Transport]netip.AddrPort{
				fleet.TCP: wiretest.TCP(t, wiretest.Serve(tt.handler)),
				fleet.TLS: wiretest.TCP(t, wiretest.ServeTLS(ca.Config(wiretest.Leaf{}), tt.handler)),
			}
			if tt.name != "an answer without end" { // no datagram is that long
				servers[fleet.UDP] = wiretest.UDP(t, tt.handler)
			}
			for tr, addr := range servers {
				timeout := tt.timeout
				if timeout == short && tr == fleet.TLS {
					timeout *= 3 // handshakes on a busy machine
				}
				got := probe(t, tr, addr, timeout)
				if got.Outcome != tt.want || got.Cause != tt.cause || !strings.Contains(got.Detail, tt.detail) {
					t.Errorf("%s: got %+v, want %v %q %q", tr, got, tt.want, tt.cause, tt.detail)
				}
				if tt.want == health.Success && got.RTT <= 0 {
					t.Errorf("%s: no round trip time", tr)
				}
			}
		})
	}
}

func TestConnections(t *testing.T) {
	for _, tt := range []struct {
		name    string
		tr      fleet.Transport
		addr    func(t *testing.T) netip.AddrPort
		timeout time.Duration
		cause   health.Cause
	}{
		{"udp, nobody listens: ICMP says so", fleet.UDP, func(t *testing.T) netip.AddrPort { return loopbacktest.AddrPort(t, 5060) }, long, health.CauseRefused},
		{"tcp, nobody listens", fleet.TCP, func(t *testing.T) netip.AddrPort { return loopbacktest.AddrPort(t, 5060) }, long, health.CauseRefused},
		{"tls, nobody listens", fleet.TLS, func(t *testing.T) netip.AddrPort { return loopbacktest.AddrPort(t, 5060) }, long, health.CauseRefused},
		{"tcp, reset after the request", fleet.TCP, func(t *testing.T) netip.AddrPort { return wiretest.TCP(t, wiretest.Reset) }, long, health.CauseReset},
		{"tcp, closed after the request", fleet.TCP, func(t *testing.T) netip.AddrPort {
			return wiretest.TCP(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) })
		}, long, health.CauseReset},
		{"tcp, accepted and silent", fleet.TCP, func(t *testing.T) netip.AddrPort { return wiretest.TCP(t, wiretest.Silent) }, short, health.CauseTimeout},
		{"tls, the handshake hangs", fleet.TLS, func(t *testing.T) netip.AddrPort { return wiretest.TCP(t, wiretest.Silent) }, short, health.CauseTLSHang},
		{"tls, reset in the handshake", fleet.TLS, func(t *testing.T) netip.AddrPort { return wiretest.TCP(t, wiretest.Reset) }, long, health.CauseReset},
		{"tls, plain SIP instead", fleet.TLS, func(t *testing.T) netip.AddrPort {
			return wiretest.TCP(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 4096))
				_, _ = c.Write([]byte("SIP/2.0 400 Bad Request\r\n\r\n"))
				wiretest.Silent(c)
			})
		}, long, health.CauseTLSRefused},
		{"a transport that cannot be asked", fleet.Transport(9), func(t *testing.T) netip.AddrPort { return loopbacktest.AddrPort(t, 5060) }, long, health.CauseLocal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := probe(t, tt.tr, tt.addr(t), tt.timeout)
			want := health.Failure
			if tt.cause == health.CauseLocal {
				want = health.NoData
			}
			if got.Outcome != want || got.Cause != tt.cause {
				t.Errorf("got %+v, want %s", got, tt.cause)
			}
		})
	}
}

func TestARequestOverUDPIsSentAgainAfterT1(t *testing.T) {
	var seen atomic.Int32
	var first atomic.Value
	addr := wiretest.UDP(t, func(req string) []byte {
		if seen.Add(1) == 1 {
			first.Store(req)
			return nil
		}
		if req != first.Load() {
			t.Errorf("not a retransmission:\n%s\nafter\n%s", req, first.Load())
		}
		return wiretest.Answer(req, "200 OK", "")
	})
	if got := probe(t, fleet.UDP, addr, long); got.Outcome != health.Success {
		t.Errorf("got %+v", got)
	}
	if n := seen.Load(); n != 2 {
		t.Errorf("sent %d times, want 2", n)
	}
}

func TestGarbageBeforeTheAnswerDoesNotHurt(t *testing.T) {
	addr := wiretest.TCP(t, wiretest.Serve(func(req string) []byte {
		return append([]byte("\r\n\r\n\r\n"), wiretest.Answer(req, "200 OK", "")...)
	}))
	if got := probe(t, fleet.TCP, addr, long); got.Outcome != health.Success {
		t.Errorf("keep-alives before the answer: %+v", got)
	}
	addr = wiretest.TCP(t, wiretest.Serve(func(req string) []byte {
		return append(wiretest.Answer(strings.Replace(req, "branch=z9hG4bK", "branch=z9hG4bKlate", 1), "200 OK", ""), wiretest.Answer(req, "200 OK", "")...)
	}))
	if got := probe(t, fleet.TCP, addr, long); got.Outcome != health.Success {
		t.Errorf("another's answer before ours: %+v", got)
	}
}

func TestTheRequest(t *testing.T) {
	var req atomic.Value
	addr := wiretest.UDP(t, func(r string) []byte { req.Store(r); return wiretest.Answer(r, "200 OK", "") })
	probe(t, fleet.UDP, addr, long)
	got, _ := req.Load().(string)
	for _, want := range []string{
		"OPTIONS sip:" + addr.String() + ";transport=udp SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:",
		";rport", "Max-Forwards: 70\r\n", "From: <sip:sipsteer@voice.example.net>;tag=", "To: <sip:voice.example.net>\r\n",
		"CSeq: 1 OPTIONS\r\n", "User-Agent: sipsteer\r\n", "Accept: application/sdp\r\n", "Content-Length: 0\r\n", "\r\n\r\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\r\n\r\n"); n != 1 {
		t.Errorf("the header ends %d times", n)
	}
}

// TestMaxForwardsMayBeChosen: with 0 the one that is asked must answer itself.
func TestMaxForwardsMayBeChosen(t *testing.T) {
	none := 0
	var req atomic.Value
	addr := wiretest.UDP(t, func(r string) []byte { req.Store(r); return wiretest.Answer(r, "483 Too Many Hops", "") })
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	got := options.New(options.Config{}).Probe(ctx, probes.Spec{
		Check:   health.Check{Target: health.Target{Transport: fleet.UDP}, Kind: health.Options},
		Address: addr, ExpectStatus: []int{483}, Question: probes.Question{MaxForwards: &none},
	})
	sent, _ := req.Load().(string)
	if got.Outcome != health.Success || strings.Count(sent, "Max-Forwards: 0\r\n") != 1 || strings.Count(sent, "Max-Forwards") != 1 {
		t.Errorf("%+v to\n%s", got, sent)
	}
}

func TestACancelledProbeSaysNothingAboutTheSoftswitch(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	addr := wiretest.UDP(t, func(string) []byte { cancel(); return nil })
	got := options.New(options.Config{}).Probe(ctx, probes.Spec{
		Check: health.Check{Target: health.Target{Transport: fleet.UDP}, Kind: health.Options}, Address: addr,
	})
	if got.Outcome != health.NoData {
		t.Errorf("got %+v", got)
	}
}
