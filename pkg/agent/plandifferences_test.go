package agent

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// challenger is a softswitch that asks for a password in its own way, until it falls
// silent.
type challenger struct {
	addr   netip.AddrPort
	silent atomic.Bool
	asked  atomic.Int64
}

func challenge(t *testing.T, realm string) *challenger {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	c := &challenger{addr: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			c.asked.Add(1)
			if c.silent.Load() {
				continue
			}
			var answer strings.Builder
			head, rest, _ := strings.Cut(string(buf[:n]), "\r\n")
			if strings.HasPrefix(head, "REGISTER") {
				fmt.Fprintf(&answer, "SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=%q, nonce=\"1\"\r\n", realm)
			} else {
				answer.WriteString("SIP/2.0 200 OK\r\n")
			}
			for line := range strings.SplitSeq(rest, "\r\n") {
				switch name, _, _ := strings.Cut(line, ":"); name {
				case "Via", "From", "To", "Call-ID", "CSeq":
					answer.WriteString(line + "\r\n")
				}
			}
			answer.WriteString("Content-Length: 0\r\n\r\n")
			_, _ = conn.WriteToUDPAddrPort([]byte(answer.String()), from)
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return c
}

// TestAPlanSaysWhatIsAnsweredDifferently: before phones move, and from memory when
// the site that they leave is down.
func TestAPlanSaysWhatIsAnsweredDifferently(t *testing.T) {
	f := fleettest.ThreeSites()
	at := map[fleet.SiteID]*challenger{"calgary": challenge(t, "west"), "ottawa": challenge(t, "ottawa"), "vancouver": challenge(t, "west")}
	f.Checks.Timeout = fleet.Duration(30 * time.Second) // a plan waits planAsks at most
	for i := range f.Sites {
		for j := range f.Sites[i].Softswitches {
			for k := range f.Sites[i].Softswitches[j].Listeners {
				if l := &f.Sites[i].Softswitches[j].Listeners[k]; l.Transport == fleet.UDP {
					l.Address = at[f.Sites[i].Name].addr
				}
			}
		}
	}
	s := steer.State{Fleet: &f}
	to := func(site fleet.SiteID) plan.Plan {
		return plan.Plan{Records: []plan.RecordChange{{}}, Shares: []plan.ShareChange{{
			Service: f.Services[0].Name, Transport: fleet.UDP, Before: map[fleet.SiteID]int{"calgary": 100}, After: map[fleet.SiteID]int{site: 100},
		}}}
	}
	text := func(a *Agent, s steer.State, p plan.Plan) string {
		a.addDifferences(t.Context(), s, &p)
		var b strings.Builder
		p.Write(&b)
		return b.String()
	}
	a := &Agent{log: zerolog.Nop()}
	if got := text(a, s, to("vancouver")); strings.Contains(got, "differently") || strings.Contains(got, "not compared") {
		t.Errorf("to one that is alike:\n%s", got)
	}
	const differ = `udp  WWW-Authenticate realm of register: calgary/calgary-1 "west", ottawa/ottawa-1 "ottawa"`
	if got := text(a, s, to("ottawa")); !strings.Contains(got, differ) || strings.Contains(got, "not compared") {
		t.Errorf("to one that is not:\n%s", got)
	}

	at["calgary"].silent.Store(true)
	was := at["calgary"].asked.Load()
	for _, sw := range f.Sites {
		if sw.Name != "calgary" {
			continue
		}
		target := health.Target{Site: "calgary", Switch: sw.Softswitches[0].Name, Transport: fleet.UDP}
		s.Verdicts = []health.Verdict{{Check: health.Check{Target: target, Kind: health.Options}, Status: health.Down}}
	}
	for key, last := range a.answered.of {
		last.at = last.at.Add(-time.Hour)
		a.answered.of[key] = last
	}
	if got := text(a, s, to("ottawa")); !strings.Contains(got, differ) {
		t.Errorf("away from one that is down:\n%s", got)
	}
	if got := text(&Agent{log: zerolog.Nop()}, s, to("ottawa")); !strings.Contains(got, "calgary/calgary-1 over udp does not answer, and is not known from before") {
		t.Errorf("away from one that was never asked:\n%s", got)
	}
	if now := at["calgary"].asked.Load(); now != was {
		t.Errorf("a softswitch that is down was asked %d times more", now-was)
	}
}
