package divert

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/gate"
)

// cached answers as OpenSIPS does by mi_datagram: cache_store and cache_fetch as
// in its core, errors with their codes and words. OpenSIPS itself is in no
// package that a test could install.
type cached struct {
	conn *net.UDPConn

	mu    sync.Mutex // held for all below
	keys  map[string]string
	deaf  int  // questions that get no answer
	liar  bool // it stores nothing and says it did
	sets  int
	other string // last other command
}

func newCached(t *testing.T) *cached {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	c := &cached{conn: conn, keys: map[string]string{}}
	done := make(chan struct{})
	go func() { // ends with the socket
		defer close(done)
		b := make([]byte, 65536)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			if reply := c.answer(b[:n]); reply != nil {
				_, _ = conn.WriteToUDPAddrPort(reply, from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return c
}

func (c *cached) answer(b []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	var q struct {
		ID     string            `json:"id"`
		Method string            `json:"method"`
		Params map[string]string `json:"params"`
	}
	if c.deaf > 0 || json.Unmarshal(b, &q) != nil {
		c.deaf--
		return nil
	}
	out := map[string]any{"jsonrpc": "2.0", "id": q.ID}
	value, known := c.keys[q.Params["attr"]]
	switch {
	case q.Method == "cache_store" && q.Params["system"] == "local" && q.Params["attr"] != "" && q.Params["value"] != "":
		c.sets++
		if !c.liar {
			c.keys[q.Params["attr"]] = q.Params["value"]
		}
		out["result"] = "OK"
	case q.Method == "cache_fetch" && known:
		out["result"] = map[string]string{"key": q.Params["attr"], "value": value}
	case q.Method == "cache_fetch":
		out["error"] = map[string]any{"code": 400, "message": "Value not found"}
	case q.Method == "cache_store":
		out["error"] = map[string]any{"code": -32602, "message": "Invalid params"}
	case q.Method == "ps":
		c.other = q.Params["filter"]
		out["result"] = "OK"
	default:
		out["error"] = map[string]any{"code": -32601, "message": "Method not found"}
	}
	reply, _ := json.Marshal(out)
	return reply
}

// web is the same by mi_http; what it is deaf to it answers with a page.
func (c *cached) web(t *testing.T) *OpenSIPS {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		reply := c.answer(text)
		switch {
		case err != nil || r.Method != http.MethodPost || r.URL.Path != "/mi" || r.Header.Get("Content-Type") != "application/json":
			http.Error(w, "not found", http.StatusNotFound)
		case reply == nil:
			http.Error(w, "busy", http.StatusServiceUnavailable)
		default:
			_, _ = w.Write(reply)
		}
	}))
	t.Cleanup(srv.Close)
	return &OpenSIPS{Address: srv.URL + "/mi", Transports: both}
}

// with looks at it, or changes it.
func (c *cached) with(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *cached) driver() *OpenSIPS {
	return &OpenSIPS{Address: c.conn.LocalAddr().String(), Transports: both}
}

// TestOpenSIPS: the keys say what to do, are set when they differ only, and are
// there again after a restart.
func TestOpenSIPS(t *testing.T) {
	c := newCached(t)
	testOpenSIPS(t, c, c.driver(), 1)
}

// TestOpenSIPSByHTTP: the same over mi_http.
func TestOpenSIPSByHTTP(t *testing.T) {
	c := newCached(t)
	testOpenSIPS(t, c, c.web(t), 0)
}

// testOpenSIPS has it lose some questions behind its restart.
func testOpenSIPS(t *testing.T, c *cached, d *OpenSIPS, lost int) {
	for _, x := range []struct {
		rule gate.Rule
		want string
	}{
		{gate.Rule{}, "0"}, {gate.Rule{Mode: gate.Draining, PassInvite: true}, "1"}, {gate.Rule{Mode: gate.Draining}, "2"}, {gate.Rule{Mode: gate.Closed}, "3"},
	} {
		for range 2 {
			if err := d.Apply(t.Context(), policy(x.rule)); err != nil {
				t.Fatal(err)
			}
		}
		c.with(func() {
			if want := map[string]string{"sipsteer_udp": x.want, "sipsteer_tcp": x.want, "sipsteer_sos_911": "1"}; !maps.Equal(c.keys, want) {
				t.Errorf("%+v: %v, want %v", x.rule, c.keys, want)
			}
		})
	}
	c.with(func() {
		if c.sets != 3+2*3 {
			t.Errorf("%d were set; what is as it should be is left alone", c.sets)
		}
		clear(c.keys) // it was restarted
		c.deaf = lost
	})
	err := d.Apply(t.Context(), policy(gate.Rule{Mode: gate.Draining}))
	c.with(func() {
		if err != nil || c.keys["sipsteer_udp"] != "2" {
			t.Errorf("after a restart: %v, %v", c.keys, err)
		}
	})
}

// TestOpenSIPSFails: what was not seen to be done is not called done.
func TestOpenSIPSFails(t *testing.T) {
	c := newCached(t)
	c.with(func() { c.liar = true })
	if err := c.driver().Apply(t.Context(), policy(gate.Rule{})); err == nil || !strings.Contains(err.Error(), `it has "", not "`) {
		t.Errorf("one that keeps nothing: %v", err)
	}
	if err := c.web(t).Apply(t.Context(), policy(gate.Rule{})); err == nil || !strings.Contains(err.Error(), `it has "", not "`) {
		t.Errorf("one that keeps nothing, by HTTP: %v", err)
	}
	d := c.web(t)
	c.with(func() { c.deaf = 100 })
	if err := d.Apply(t.Context(), policy(gate.Rule{})); err == nil || !strings.Contains(err.Error(), "answers 503, and not with JSON-RPC") {
		t.Errorf("one that is busy: %v", err)
	}
	c.conn.Close()
	for _, d := range []*OpenSIPS{c.driver(), {Address: "http://127.0.0.1:1/mi", Transports: both}} {
		if err := d.Apply(t.Context(), policy(gate.Rule{})); err == nil {
			t.Errorf("nobody is at %s, and all is well", d.Address)
		}
	}
}

// TestOpenSIPSCommand: a runbook's command has its parameters by name, and is told
// once.
func TestOpenSIPSCommand(t *testing.T) {
	c := newCached(t)
	for _, d := range []*OpenSIPS{c.driver(), c.web(t)} {
		c.with(func() { c.other = "" })
		got, err := d.Command(t.Context(), []string{"ps", "filter=udp"})
		c.with(func() {
			if err != nil || got != `"OK"` || c.other != "udp" {
				t.Errorf("%q, %v, %q", got, err, c.other)
			}
		})
		for _, words := range [][]string{nil, {"ps", "udp"}, {"unheard_of"}} {
			if _, err := d.Command(t.Context(), words); err == nil {
				t.Errorf("%v: no error", words)
			}
		}
	}
	d := c.web(t)
	c.with(func() { c.deaf, c.other = 1, "" })
	if _, err := d.Command(t.Context(), []string{"ps", "filter=udp"}); err == nil {
		t.Error("no answer, and it is done")
	}
	c.with(func() {
		if c.other != "" {
			t.Error("it was told twice")
		}
	})
}
