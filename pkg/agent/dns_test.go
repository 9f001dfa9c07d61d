package agent

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// The numbers of the name server are told as they are.
func TestDNSMetrics(t *testing.T) {
	c := &dnsCollector{desc: dnsDescs(), stats: func() dnsserver.Stats {
		return dnsserver.Stats{Epoch: 7, Answers: []dnsserver.AnswerCount{{Transport: "udp", Type: "SRV", RCode: "NOERROR", Count: 3}}, Slipped: 2, RefusedSwaps: 1}
	}}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	got := map[string]float64{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			key := f.GetName()
			for _, l := range m.GetLabel() {
				key += " " + l.GetName() + "=" + l.GetValue()
			}
			got[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for key, want := range map[string]float64{
		"sipsteer_dns_answers_total rcode=NOERROR transport=udp type=SRV": 3,
		"sipsteer_dns_epoch":                             7,
		"sipsteer_dns_rate_limited_total action=slipped": 2,
		"sipsteer_dns_rate_limited_total action=held":    0,
		"sipsteer_dns_refused_swaps_total":               1,
	} {
		if v, ok := got[key]; !ok || v != want {
			t.Errorf("%s: %v, %t", key, v, ok)
		}
	}
}

// picky is a name server that refuses what it is told to.
type picky struct {
	epoch  uint64
	refuse error
}

func (p *picky) Epoch() uint64 { return p.epoch }

func (p *picky) Unsigned() string { return "" }

func (p *picky) Serve(z *srv.Zone) error {
	if p.refuse == nil {
		p.epoch = z.Epoch
	}
	return p.refuse
}

// A refused swap leaves the old State served, and the reason stands in what
// this agent tells of itself until a zone is taken.
func TestRefusedSwapIsShown(t *testing.T) {
	dns := &picky{}
	a := &Agent{pub: newPublisher("calgary", dns, nil, zerolog.Nop()), opinions: newOpinions(func() []Peer { return nil }, time.Second)}
	f := fleettest.ThreeSites()
	a.pub.publish(steer.State{Epoch: 1, Fleet: &f})
	dns.refuse = errors.New("check zone of epoch 2: never-empty")
	a.pub.publish(steer.State{Epoch: 2, Fleet: &f})
	if e := a.effect(); e.Epoch != 1 || !strings.Contains(e.Problem, "never-empty") {
		t.Errorf("epoch %d, problem %q", e.Epoch, e.Problem)
	}
	dns.refuse = nil
	a.pub.publish(steer.State{Epoch: 3, Fleet: &f})
	if e := a.effect(); e.Epoch != 3 || e.Problem != "" {
		t.Errorf("epoch %d, problem %q", e.Epoch, e.Problem)
	}
}

// The reason of an answer is that of the epoch served here, and other zones'
// names have none.
func TestWhyLines(t *testing.T) {
	a := &Agent{cfg: Config{Name: "calgary"}, pub: newPublisher("calgary", &picky{}, nil, zerolog.Nop())}
	if a.whyLines("west.voice.example.net.") != nil {
		t.Error("reasons before there is a fleet")
	}
	f := fleettest.ThreeSites()
	a.pub.publish(steer.State{Epoch: 5, Fleet: &f})
	lines := a.whyLines("_sip._udp.west.voice.example.net.")
	if len(lines) != 4 || lines[0] != "epoch 5 at calgary" || !strings.HasPrefix(lines[1], "SRV 10 100 5060 sip.calgary.voice.example.net.: ") {
		t.Errorf("%q", lines)
	}
	if got := a.whyLines("www.example.org."); got != nil {
		t.Errorf("%q", got)
	}
}
