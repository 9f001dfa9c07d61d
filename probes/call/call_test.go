package call

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const domain = "west.voice.example.net"

// specTo is a call to a number over a transport.
func specTo(addr netip.AddrPort, tr fleet.Transport, audio string) probes.Spec {
	return probes.Spec{
		Check:   health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: tr}, Kind: health.Call.Named("echo")},
		Address: addr, ServerName: domain, Login: probes.Login{User: "canary", Password: "right"},
		Question: probes.Question{Call: probes.Call{To: "9196", Audio: audio, Talk: time.Second, Loss: 0.3}},
	}
}

func place(t *testing.T, s probes.Spec, timeout time.Duration) probes.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	ctx, transcript := probes.Record(ctx)
	res := New(Config{}).Probe(ctx, s)
	t.Cleanup(func() {
		if t.Failed() {
			for _, l := range transcript.Lines() {
				t.Logf("%s %s %s", l.At.Round(time.Millisecond), l.Direction, l.Text)
			}
		}
	})
	return res
}

// script is a softswitch that answers as it is told, and writes down the methods
// that it was sent.
type script struct {
	mu   sync.Mutex
	seen []string
}

func (s *script) note(req string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	method, _, _ := strings.Cut(req, " ")
	s.seen = append(s.seen, method)
	return method
}

func (s *script) methods() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.seen, " ")
}

// udp serves requests with any number of answers.
func (s *script) udp(t *testing.T, answers func(method, req string) []string) netip.AddrPort {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			req := string(buf[:n])
			for _, a := range answers(s.note(req), req) {
				_, _ = conn.WriteTo([]byte(a), from)
			}
		}
	})
	t.Cleanup(func() { _ = conn.Close(); done.Wait() })
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}

func status(req, line string) string { return string(wiretest.Answer(req, line, "")) }

// TestTheCallIsEndedWhateverHappens: CANCEL when it rings too long, ACK and BYE
// when the answer crosses the CANCEL, BYE when the agent stops in the middle.
func TestTheCallIsEndedWhateverHappens(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers func(invite *string) func(method, req string) []string
		want    string // methods, in order
		detail  string
		timeout time.Duration
	}{
		{"it rings too long", func(invite *string) func(string, string) []string {
			return func(method, req string) []string {
				switch method {
				case "INVITE":
					*invite = req
					return []string{status(req, "180 Ringing")}
				case "CANCEL":
					return []string{status(req, "200 OK"), status(*invite, "487 Request Terminated")}
				}
				return nil
			}
		}, "INVITE CANCEL ACK", "it rang, and nobody answered", 2 * time.Second},
		{"the answer crosses the CANCEL", func(invite *string) func(string, string) []string {
			return func(method, req string) []string {
				switch method {
				case "INVITE":
					*invite = req
					return []string{status(req, "180 Ringing")}
				case "CANCEL":
					return []string{status(req, "200 OK"), status(*invite, "200 OK")}
				case "BYE":
					return []string{status(req, "200 OK")}
				}
				return nil
			}
		}, "INVITE CANCEL ACK BYE", "it rang, and nobody answered", 2 * time.Second},
		{"a refusal", func(*string) func(string, string) []string {
			return func(method, req string) []string {
				if method == "INVITE" {
					return []string{status(req, "100 Trying"), status(req, "404 Not Found")}
				}
				return nil
			}
		}, "INVITE ACK", "refused: 404", 5 * time.Second},
		{"answered, no audio wanted", func(*string) func(string, string) []string {
			return func(method, req string) []string {
				if method == "INVITE" || method == "BYE" {
					return []string{status(req, "200 OK")}
				}
				return nil
			}
		}, "INVITE ACK BYE", "answered after", 5 * time.Second},
		{"the 200 comes twice", func(*string) func(string, string) []string {
			return func(method, req string) []string {
				switch method {
				case "INVITE":
					return []string{status(req, "200 OK"), status(req, "200 OK")}
				case "BYE":
					return []string{status(req, "200 OK")}
				}
				return nil
			}
		}, "INVITE ACK ACK BYE", "answered after", 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			peer, invite := &script{}, ""
			got := place(t, specTo(peer.udp(t, tt.answers(&invite)), fleet.UDP, fleet.AudioNone), tt.timeout)
			if !strings.Contains(got.Detail, tt.detail) {
				t.Errorf("%+v, want …%s…", got, tt.detail)
			}
			// The last ACK may still be on its way.
			for late, tick := time.Now().Add(time.Minute), time.Tick(5*time.Millisecond); peer.methods() != tt.want && len(peer.methods()) < len(tt.want) && time.Now().Before(late); {
				<-tick
			}
			if seen := peer.methods(); seen != tt.want {
				t.Errorf("it was sent %s, want %s", seen, tt.want)
			}
		})
	}
}

func TestABYEIsSentWhenTheAgentStops(t *testing.T) {
	peer, up := &script{}, make(chan struct{})
	gone := make(chan struct{})
	addr := peer.udp(t, func(method, req string) []string {
		switch method {
		case "INVITE":
			return []string{status(req, "200 OK")}
		case "ACK":
			close(up)
		case "BYE":
			close(gone)
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-up; cancel() }()
	s := specTo(addr, fleet.UDP, fleet.AudioNone)
	s.Question.Call.Talk = time.Hour
	New(Config{}).Probe(ctx, s)
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Errorf("no BYE came; it was sent %s", peer.methods())
	}
}

func TestCallsAreBounded(t *testing.T) {
	p := New(Config{AtOnce: 1})
	entered := make(chan struct{})
	peer := &script{}
	var once sync.Once
	addr := peer.udp(t, func(method, req string) []string {
		once.Do(func() { close(entered) })
		if method == "BYE" || method == "INVITE" {
			return []string{status(req, "200 OK")}
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var first sync.WaitGroup
	first.Go(func() { p.Probe(ctx, specTo(addr, fleet.UDP, fleet.AudioNone)) })
	<-entered
	if got := p.Probe(ctx, specTo(addr, fleet.UDP, fleet.AudioNone)); got.Outcome != health.NoData {
		t.Errorf("a second call at a time: %+v", got)
	}
	first.Wait()
}

func TestAgreed(t *testing.T) {
	sdp := func(media string) []byte {
		return []byte("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" + media)
	}
	for _, tt := range []struct {
		name, media, want string
	}{
		{"as usual", "m=audio 4000 RTP/AVP 0 8\r\n", "192.0.2.1:4000 0 true true"},
		{"PCMA, another address", "m=audio 4000 RTP/AVP 101 8\r\nc=IN IP4 192.0.2.7\r\n", "192.0.2.7:4000 8 true true"},
		{"it only listens", "m=audio 4000 RTP/AVP 0\r\na=recvonly\r\n", "192.0.2.1:4000 0 false true"},
		{"video before audio", "m=video 5000 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 0\r\n", "192.0.2.1:4000 0 true true"},
		{"no audio", "m=audio 0 RTP/AVP 0\r\n", "it agrees to no audio"},
		{"another codec", "m=audio 4000 RTP/AVP 9\r\n", "none of our codecs"},
		{"nonsense", "m=audio", "no SDP"},
	} {
		got, err := agreed(sdp(tt.media))
		text := fmt.Sprint(got.to, got.payload, got.sends, got.takes)
		if err != nil {
			text = err.Error()
		}
		if !strings.Contains(text, tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, text, tt.want)
		}
	}
	body, err := offer(netip.MustParseAddrPort("[2001:db8::1]:4000"))
	if err != nil || !strings.Contains(string(body), "c=IN IP6 2001:db8::1\r\n") {
		t.Errorf("offer over IPv6: %v\n%s", err, body)
	}
}
