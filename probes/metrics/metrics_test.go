package metrics

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const room = 20 * time.Second

func specOf(source string, addr netip.AddrPort, numbers ...fleet.Number) probes.Spec {
	return probes.Spec{
		Check:    health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: fleet.UDP}, Kind: health.Metrics.Named("calls")},
		Address:  addr,
		Question: probes.Question{Source: source, Numbers: numbers},
	}
}

func ask1(t *testing.T, p probes.Prober, s probes.Spec) probes.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), room)
	defer cancel()
	return p.Probe(ctx, s)
}

func limit(v float64) *float64 { return &v }

// page serves one page over HTTP.
func page(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(text, "!") {
			http.Error(w, text, http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

const prometheusPage = `# TYPE sip_calls gauge
sip_calls{site="a"} 40
sip_calls{site="b"} 2
# TYPE sip_responses_total counter
sip_responses_total{code="200",method="INVITE"} 900
sip_responses_total{code="403",method="REGISTER"} 7
# TYPE sip_setup_seconds histogram
sip_setup_seconds_bucket{le="1"} 3
sip_setup_seconds_bucket{le="+Inf"} 4
sip_setup_seconds_sum 5.5
sip_setup_seconds_count 4
untyped_thing 3e2
`

func TestSourcesAreRead(t *testing.T) {
	const tree = `{"nodes":[{"calls":{"active":17}},{"calls":{"active":"4"}}],"ready":true,"name":"x"}`
	for _, tt := range []struct {
		name, source, page, metric string
		max                        float64 // the limit: one below what is there
		cause                      health.Cause
		detail                     string
	}{
		{"a sum", "prometheus", prometheusPage, `sip_calls`, 41, health.CauseLimit, "n is 42, above its limit of 41"},
		{"by label", "prometheus", prometheusPage, `sip_calls{site="b"}`, 1, health.CauseLimit, "is 2,"},
		{"by labels", "prometheus", prometheusPage, `sip_responses_total{ code="403", method="REGISTER" }`, 6, health.CauseLimit, "is 7,"},
		{"count of a histogram", "prometheus", prometheusPage, `sip_setup_seconds_count`, 3, health.CauseLimit, "is 4,"},
		{"sum of a histogram", "prometheus", prometheusPage, `sip_setup_seconds_sum`, 5, health.CauseLimit, "is 5.5,"},
		{"not typed", "prometheus", prometheusPage, `untyped_thing`, 299, health.CauseLimit, "is 300,"},
		{"no such label", "prometheus", prometheusPage, `sip_calls{site="c"}`, 1, health.CauseContent, `has no sip_calls{site="c"}`},
		{"no page of Prometheus", "prometheus", "<html>", `sip_calls`, 1, health.CauseMalformed, "not in the text format"},
		{"not a selector", "prometheus", prometheusPage, `sip_calls{site=b}`, 1, health.CauseMalformed, "names no series"},
		{"refused", "prometheus", "!", `sip_calls`, 1, health.CauseStatus, "answered 503"},
		{"in a list", "json", tree, "nodes[0].calls.active", 16, health.CauseLimit, "is 17,"},
		{"as text", "json", tree, "nodes[1].calls.active", 3, health.CauseLimit, "is 4,"},
		{"a truth", "json", tree, "ready", 0, health.CauseLimit, "is 1,"},
		{"behind the end", "json", tree, "nodes[2].calls.active", 0, health.CauseContent, "has no nodes[2]"},
		{"no number", "json", tree, "name", 0, health.CauseMalformed, "is no number"},
		{"no JSON", "json", "calls: 3", "calls", 0, health.CauseMalformed, "not JSON"},
		{"Kamailio's answer", "kamailio", `{"jsonrpc":"2.0","result":{"dialog.active_dialogs":12},"id":1}`, "dialog.active_dialogs", 11, health.CauseLimit, "is 12,"},
		{"Kamailio without kex", "kamailio", `{"jsonrpc":"2.0","error":{"code":500,"message":"Method Not Found"},"id":1}`, "dialog.active_dialogs", 11, health.CauseMalformed, "refuses: 500 Method Not Found"},
		{"OpenSIPS' answer", "opensips", `{"jsonrpc":"2.0","result":{"dialog:active_dialogs":12},"id":1}`, "dialog:active_dialogs", 11, health.CauseLimit, "is 12,"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ask1(t, New(Config{}), specOf(tt.source, page(t, tt.page), fleet.Number{Name: "n", Metric: tt.metric, Max: limit(tt.max)}))
			if got.Cause != tt.cause || !strings.Contains(got.Detail, tt.detail) {
				t.Errorf("got %+v, want %s …%s…", got, tt.cause, tt.detail)
			}
			if tt.cause != health.CauseLimit {
				return
			}
			if got := ask1(t, New(Config{}), specOf(tt.source, page(t, tt.page), fleet.Number{Name: "n", Metric: tt.metric, Max: limit(tt.max + 1)})); got.Outcome != health.Success {
				t.Errorf("at its limit: %+v", got)
			}
		})
	}
}

// TestOpenSIPSOverUDP: the first question is lost.
func TestOpenSIPSOverUDP(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	defer func() { _ = conn.Close(); <-done }()
	var asked atomic.Int64
	go func() {
		defer close(done)
		buf := make([]byte, 2000)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var q struct {
				Method string
				Params struct{ Statistics []string }
			}
			if json.Unmarshal(buf[:n], &q) != nil || q.Method != "get_statistics" || asked.Add(1) == 1 {
				continue
			}
			_, _ = conn.WriteTo([]byte(`{"jsonrpc":"2.0","result":{"`+q.Params.Statistics[0]+`":"3"},"id":1}`), from)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	got := New(Config{}).Probe(ctx, specOf("opensips-datagram", netip.MustParseAddrPort(conn.LocalAddr().String()),
		fleet.Number{Name: "calls", Metric: "dialog:active_dialogs", Min: limit(4)}))
	if got.Cause != health.CauseLimit || !strings.Contains(got.Detail, "calls is 3, below its limit of 4") {
		t.Errorf("%+v", got)
	}
}

// at judges numbers at one moment of virtual time.
func at(p *Prober, s probes.Spec, numbers map[string]float64) probes.Result {
	return p.judge(s, numbers, time.Millisecond, true)
}

func TestCountersAreCountedOverTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Config{})
		s := specOf("json", netip.AddrPort{},
			fleet.Number{Name: "refused", Metric: "403", Counter: true, Max: limit(5)},
			fleet.Number{Name: "asr", Metric: "answered", Per: "attempts", Counter: true, Min: limit(0.3)})
		n := map[string]float64{"403": 1000, "answered": 1000, "attempts": 2000}
		for range 6 {
			if got := at(p, s, n); got.Outcome != health.Success || !strings.Contains(got.Detail, "refused is not known yet: counted for") {
				t.Fatalf("before half of the window: %+v", got)
			}
			n["403"] += 50 // 10 in a second
			time.Sleep(5 * time.Second)
		}
		if got := at(p, s, n); got.Cause != health.CauseLimit || got.Detail != "refused is 10, above its limit of 5" {
			t.Errorf("10 in a second: %+v", got)
		}
		// 19 attempts, none answered, are no ratio; 20 are.
		n["attempts"] += 19
		if got := at(p, s, n); strings.Contains(got.Detail, "asr is 0") {
			t.Errorf("19 attempts: %+v", got)
		}
		n["attempts"]++
		if got := at(p, s, n); !strings.Contains(got.Detail, "asr is 0, below its limit of 0.3") {
			t.Errorf("20 attempts: %+v", got)
		}
		// A restart begins the count anew.
		if got := at(p, s, map[string]float64{"403": 0, "answered": 0, "attempts": 0}); got.Outcome != health.Success {
			t.Errorf("after a restart: %+v", got)
		}
	})
}

// TestOneDipIsNotTheLevel: a level is the median of a window.
func TestOneDipIsNotTheLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Config{})
		s := specOf("json", netip.AddrPort{}, fleet.Number{Name: "calls", Metric: "calls", Min: limit(50)})
		for i := range 30 {
			calls := 100.0
			if i > 20 {
				calls = 3
			}
			got := at(p, s, map[string]float64{"calls": calls})
			if bad := got.Outcome == health.Failure; bad != (i >= 27) { // 7 of the last 13 readings
				t.Errorf("reading %d: %+v", i, got)
			}
			if i > 20 {
				for range 8 { // under suspicion: these do not outweigh the window
					at(p, s, map[string]float64{"calls": 3})
				}
			}
			time.Sleep(5 * time.Second)
		}
	})
}

// TestAbnormallyLow: the sentence names value, usual and limit; nothing is said
// before three weeks, nor while the site is drained.
func TestAbnormallyLow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		drained := ""
		p := New(Config{Unusual: func(fleet.SiteID) string { return drained }})
		s := specOf("json", netip.AddrPort{}, fleet.Number{Name: "calls", Metric: "calls", Usual: fleet.UsualLow})
		week := func(calls float64) {
			for range 7 * 24 * 60 {
				at(p, s, map[string]float64{"calls": calls})
				time.Sleep(time.Minute)
			}
		}
		week(400)
		if got := at(p, s, map[string]float64{"calls": 3}); got.Outcome != health.Success || !strings.Contains(got.Detail, "learning: 0 of 3 weeks") {
			t.Errorf("while learning: %+v", got)
		}
		week(410)
		week(390)
		time.Sleep(2 * time.Hour)
		text, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		p = New(Config{Unusual: func(fleet.SiteID) string { return drained }})
		if err := p.Restore(text); err != nil {
			t.Fatal(err)
		}
		if got := at(p, s, map[string]float64{"calls": 141}); got.Cause != health.CauseLow ||
			got.Detail != "calls is 141, abnormally low: 400 is usual on Sat 02:00 UTC, the limit is 240" {
			t.Errorf("low: %+v", got)
		}
		drained = "calgary is taken out of answers"
		if got := at(p, s, map[string]float64{"calls": 141}); got.Outcome != health.Success || !strings.Contains(got.Detail, "not compared: calgary is taken out") {
			t.Errorf("drained: %+v", got)
		}
		again, err := p.Encode()
		if err != nil || !strings.Contains(string(again), `"number":"calls"`) {
			t.Errorf("%v %.200s", err, again)
		}
		for _, bad := range []string{"", "{", `{"format":9}`} {
			if p.Restore([]byte(bad)) == nil {
				t.Errorf("%q was taken", bad)
			}
		}
	})
}

// TestOnceTeachesNothing: a question out of turn leaves no trace.
func TestOnceTeachesNothing(t *testing.T) {
	p := New(Config{})
	s := specOf("json", page(t, `{"calls":3}`), fleet.Number{Name: "calls", Metric: "calls", Usual: fleet.UsualLow})
	if got := ask1(t, p.Once(), s); got.Outcome != health.Success {
		t.Errorf("%+v", got)
	}
	if p.Learnt() || len(p.Readings()) != 0 {
		t.Error("it was learnt from")
	}
	ask1(t, p, s)
	if !p.Learnt() || len(p.Readings()) != 1 {
		t.Error("a regular question taught nothing")
	}
}
