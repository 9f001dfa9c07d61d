package agent

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// hasty is a phone over TCP that comes back to a site whatever it is told.
type hasty struct {
	t    *testing.T
	conn net.Conn
	r    *textproto.Reader
	seq  int
}

// message reads one message without a body: its first line and its fields.
func (h *hasty) message() (string, textproto.MIMEHeader) {
	h.t.Helper()
	_ = h.conn.SetReadDeadline(time.Now().Add(patience))
	line, err := h.r.ReadLine()
	if err != nil {
		h.t.Fatal(err)
	}
	head, err := h.r.ReadMIMEHeader()
	if err != nil {
		h.t.Fatal(err)
	}
	return line, head
}

func (h *hasty) register() string {
	h.t.Helper()
	h.seq++
	fmt.Fprintf(h.conn, "REGISTER sip:west.voice.example.net SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK%d;rport\r\nMax-Forwards: 70\r\nFrom: <sip:anna@west.voice.example.net>;tag=1\r\nTo: <sip:anna@west.voice.example.net>\r\n"+
		"Call-ID: 1\r\nCSeq: %d REGISTER\r\nContact: <sip:anna@10.0.0.1>\r\nContent-Length: 0\r\n\r\n", h.seq, h.seq)
	line, _ := h.message()
	return line
}

// TestPush: an operator's push reaches the device through the gate that knows it,
// stands in the trail of every agent, and its answer in the list of stragglers.
func TestPush(t *testing.T) {
	at := loopbacktest.AddrPort(t, 5060)
	w := newWorld(t, func(c *Config) {
		c.Fleet.Policy.TTLNormal, c.Fleet.Policy.TTLEvent, c.Fleet.Policy.TTLFloor, c.Fleet.Policy.DrainGrace = 1e9, 1e9, 1e9, 1e6
		if c.Site == "calgary" {
			c.Gate = &gate.Config{Site: "calgary", Listen: []gate.Listener{{Transport: fleet.TCP, Address: at}}, DrainSpread: time.Hour}
		}
	})
	lead := w.agents[w.leader()]
	do := func(r api.CommandRequest) (api.Result, error) {
		r.Site, r.By, r.Reason = "calgary", "alice", "they stay"
		return lead.Do(t.Context(), r, false)
	}
	invalid := func(what, field string, r api.CommandRequest) {
		t.Helper()
		r.Kind = "push"
		var e *api.Error
		if _, err := do(r); !errors.As(err, &e) || e.Category != api.Invalid || e.Field != field || !strings.Contains(e.Hint, "sipsteer") {
			t.Errorf("%s: %v", what, err)
		}
	}
	invalid("an open site", "site", api.CommandRequest{})
	if _, err := do(api.CommandRequest{Kind: "drain", Now: true, For: "1h", Override: []string{"target-proven"}}); err != nil {
		t.Fatal(err)
	}
	var conn net.Conn
	w.eventually("the gate listens", func() (is bool) { c, err := net.Dial("tcp", at.String()); conn = c; return err == nil })
	defer conn.Close()
	phone := &hasty{t: t, conn: conn, r: textproto.NewReader(bufio.NewReader(conn))}
	if r, err := do(api.CommandRequest{Kind: "push"}); err != nil || r.Changed || r.Push != nil {
		t.Errorf("nobody is there: %+v, %v", r, err)
	}
	for range 10 { // until it is a straggler: the horizon is two seconds away, and an attempt lasts two
		if line := phone.register(); !strings.Contains(line, " 503 ") {
			t.Fatal(line)
		}
		if l, err := lead.Stragglers(t.Context(), "calgary"); err == nil && len(l.Items) == 1 {
			break
		}
		<-time.After(2200 * time.Millisecond)
	}
	invalid("a stranger", "devices", api.CommandRequest{Devices: []string{"bob@west.voice.example.net"}})
	invalid("no such service", "service", api.CommandRequest{Service: "north"})
	if r, err := do(api.CommandRequest{Kind: "push", Service: "east"}); err != nil || r.Changed {
		t.Errorf("of another service: %+v, %v", r, err)
	}
	r, err := do(api.CommandRequest{Kind: "push", Service: "west", Devices: []string{"anna@west.voice.example.net"}})
	if err != nil || r.Push == nil || r.Push.Asked != 1 || len(r.Push.Skipped) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	line, head := phone.message()
	if !strings.HasPrefix(line, "NOTIFY sip:anna@10.0.0.1 ") || head.Get("Event") != "check-sync;reboot=false" {
		t.Errorf("%s\n%v", line, head)
	}
	fmt.Fprintf(conn, "SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=2\r\nCall-ID: %s\r\nCSeq: %s\r\nContent-Length: 0\r\n\r\n",
		head.Get("Via"), head.Get("From"), head.Get("To"), head.Get("Call-Id"), head.Get("Cseq"))
	w.eventually("its answer is known", func() bool {
		l, err := lead.Stragglers(t.Context(), "calgary")
		return err == nil && len(l.Items) == 1 && l.Items[0].Answer == "200" && l.Items[0].Asked != nil
	})
	if n := gaugeOf(t, newGateCollector(w.agents[0].gate), "sipsteer_gate_devices_asked", "taken"); n != 1 {
		t.Errorf("%v have taken it, say the metrics", n)
	}
	for _, a := range w.agents {
		w.eventually("the trail has it", func() bool {
			for _, e := range a.machine.State().Events {
				if e.Word == steer.GatePush && e.By == "alice" && e.Reason == "they stay" {
					return true
				}
			}
			return false
		})
	}
}

// gaugeOf is what a collector says of one value of its only label.
func gaugeOf(t *testing.T, c prometheus.Collector, name, label string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == label {
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no %s of %s", name, label)
	return 0
}
