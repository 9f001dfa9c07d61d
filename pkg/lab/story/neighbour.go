package story

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/lab/internal/pause"
)

const (
	// softswitchRate is what each softswitch gets done in a second while the
	// neighbour is there: some three times what the phones and checks ask.
	softswitchRate = 150
	// neighbourRate is what one customer's machines send.
	neighbourRate = 3000
	// neighbourBeat is how often they send a burst of it.
	neighbourBeat = 20 * time.Millisecond
)

// noisyNeighbour is the customer whose traffic drowned the softswitch that
// served it, and the next one to which it was moved.
func noisyNeighbour() Scenario {
	return Scenario{
		Name: "noisy-neighbour", Title: "one customer floods the softswitch, and the flood goes where its answers send it",
		Then: []string{"that day: the traffic was moved from site to site, and each fell in turn;", "phones were served again after hours"},
		Steps: []Step{
			{Say: "three sites, a hundred phones", Expect: []Expectation{allRegistered()}, Linger: time.Second},
			{
				Say: fmt.Sprintf("one customer of the west sends %d REGISTER a second; a softswitch gets %d done", neighbourRate, softswitchRate),
				Do: func(_ context.Context, s *Stage) error {
					s.begin("calgary", "flood", []fleet.Transport{fleet.UDP})
					for _, site := range sites {
						s.Lab.Softswitch(fleet.SiteID(site)).Limit(softswitchRate)
					}
					s.say(Fault, "one source floods the west")
					return s.startNeighbour()
				},
				Expect: []Expectation{gone("calgary", 15*time.Second, fleet.UDP)},
			},
			{
				Say: "the flood follows the answers to Vancouver: what moves with the traffic is not cured by moving it",
				Expect: []Expectation{
					heldBack(15 * time.Second), stays("vancouver", fleet.UDP), stays("ottawa", fleet.UDP), servedAt("ottawa", "east", 12*time.Second),
				},
			},
			{
				Say: "the operator has the source refused",
				Do: func(_ context.Context, s *Stage) error {
					s.stopNeighbour()
					s.say(Fault, "the flood ends")
					return nil
				},
				Expect: []Expectation{siteUp("calgary", 30*time.Second), siteUp("vancouver", 30*time.Second)},
			},
			{
				Say:    "and brings Calgary back: sipsteer failback calgary",
				Do:     operator(api.CommandRequest{Kind: "failback", Site: "calgary", Reason: "the source is refused"}),
				Expect: []Expectation{back("calgary", 20*time.Second), servedAgain(20 * time.Second)},
			},
		},
	}
}

// servedAt: every phone of a service is registered at a site.
func servedAt(site fleet.SiteID, service string, within time.Duration) Expectation {
	return Expectation{fmt.Sprintf("%s and the phones of the %s feel nothing", site, service), within, func(s *Stage) bool {
		here, all := 0, 0
		for _, g := range Crowd(s.Lab.Layout()) {
			if strings.HasPrefix(string(g.Service), service+".") {
				all += g.Count
			}
		}
		for _, p := range s.Crowd.At(site) {
			if strings.HasPrefix(string(p.Service), service+".") {
				here++
			}
		}
		return here == all
	}}
}

// startNeighbour begins the flood: real REGISTER requests over UDP, from one
// address, to the site that DNS names first for the west.
func (s *Stage) startNeighbour() error {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return fmt.Errorf("open the neighbour's socket: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	s.mu.Lock()
	s.neighbour = func() { cancel(); <-ended }
	s.mu.Unlock()
	go func() { // ended by stopNeighbour
		defer close(ended)
		defer conn.Close()
		for n := 0; pause.For(ctx, neighbourBeat) == nil; {
			for range neighbourRate * int(neighbourBeat/time.Millisecond) / 1000 {
				n++
				s.flood(conn, n)
			}
		}
	}()
	return nil
}

// stopNeighbour ends the flood, if there is one.
func (s *Stage) stopNeighbour() {
	s.mu.Lock()
	stop := s.neighbour
	s.neighbour = nil
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// flood sends one REGISTER. What is answered to it is not read: it comes too
// fast.
func (s *Stage) flood(conn *net.UDPConn, n int) {
	domain := "west." + lab.Zone
	first := s.Watch.Now(s.places[0].DNS, fleet.UDP.Label()+"."+domain+".")
	for _, p := range s.places {
		if len(first) == 0 || first[0] != "sip."+string(p.Site)+"."+lab.Zone+"." {
			continue
		}
		msg := fmt.Sprintf("REGISTER sip:%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bKn%[3]d;rport\r\nMax-Forwards: 70\r\n"+
			"From: <sip:neighbour@%[1]s>;tag=n\r\nTo: <sip:neighbour@%[1]s>\r\nCall-ID: n%[3]d\r\nCSeq: 1 REGISTER\r\n"+
			"Contact: <sip:neighbour@%[2]s>\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n", domain, conn.LocalAddr(), n)
		_, _ = conn.WriteToUDPAddrPort([]byte(msg), p.Gate[fleet.UDP])
	}
}
