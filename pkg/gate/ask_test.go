package gate_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

// attempts is longer than what the meter takes for one attempt.
const attempts = 2100 * time.Millisecond

func everyone(string, netip.AddrPort) bool { return true }

// asks makes a world whose gate asks quickly.
func asks(t *testing.T) *world {
	return newWorld(t, func(c *gate.Config) {
		c.DrainSpread, c.AskEvery, c.AskSilence = time.Hour, time.Millisecond, 300*time.Millisecond
	})
}

// straggle has a phone come back to a drained site after the horizon. With
// registered it was there before.
func (w *world) straggle(p *phone, registered bool) {
	w.t.Helper()
	reg := with{to: "<sip:anna@west.voice.example.net>", callID: "reg", extra: "Contact: <sip:anna-0x1@10.20.30.40:5062>\r\n"}
	if registered {
		p.send(request("REGISTER", reg))
		p.recv()
		w.sw.next()
	}
	w.policy.Horizon = time.Now().Add(-time.Second)
	w.set(allDraining)
	for i := 2; i <= 3; i++ {
		reg.branch, reg.cseq = fmt.Sprint("z9hG4bK-", i), fmt.Sprint(i, " REGISTER")
		p.send(request("REGISTER", reg))
		if got := p.recv(); status(got) != "503" {
			w.t.Fatalf("REGISTER: %s", got)
		}
		if i == 2 {
			<-time.After(attempts)
		}
	}
	if n := len(w.g.Stragglers()); n != 1 {
		w.t.Fatalf("%d stragglers", n)
	}
}

func (w *world) asked(want gate.AskState) gate.Asked {
	w.t.Helper()
	eventually(w.t, func() bool { all := w.g.Stragglers(); return len(all) == 1 && all[0].Asked.State == want })
	return w.g.Stragglers()[0].Asked
}

// TestAsk: a straggler gets one NOTIFY by the way that it came, at its contact, and
// its answer is counted.
func TestAsk(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.String(), func(t *testing.T) {
			t.Parallel()
			w := asks(t)
			p := w.phone(tr)
			w.straggle(p, true)
			if n, skipped, err := w.g.Ask(everyone); n != 1 || len(skipped) != 0 || err != nil {
				t.Fatalf("%d, %v, %v", n, skipped, err)
			}
			got := p.recv()
			for _, want := range []string{
				"NOTIFY sip:anna-0x1@10.20.30.40:5062 SIP/2.0\r\n", "\r\nEvent: check-sync;reboot=false\r\n", "\r\nTo: <sip:anna@west.voice.example.net>\r\n",
				"\r\nFrom: <sip:west.voice.example.net>;tag=", "\r\nSubscription-State: terminated\r\n", "Via: SIP/2.0/" + strings.ToUpper(tr.String()) + " " + w.addr(tr).String() + ";branch=z9hG4bK-sgask-",
			} {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			p.send(fmt.Sprintf("SIP/2.0 489 Bad Event\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=1\r\nCall-ID: %s\r\nCSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n",
				header(got, "Via"), header(got, "From"), header(got, "To"), header(got, "Call-ID")))
			if a := w.asked(gate.AskAnswered); a.Status != 489 {
				t.Errorf("%+v", a)
			}
			w.sw.nothing()
			eventually(t, func() bool { // its answer is known before the queue has ended
				n, skipped, err := w.g.Ask(everyone)
				if n != 0 || err == nil && (len(skipped) != 1 || skipped[0].Why != gate.SkipRecent) {
					t.Errorf("a second time: %d, %v", n, skipped)
				}
				return !errors.Is(err, gate.ErrAsking)
			})
			if got := w.g.Live().Asking; got != (gate.AskTotals{Asked: 1, Refused: 1}) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestAskNobodyElse: an address that is only claimed is sent nothing, and who does
// not answer is told apart from who cannot be reached.
func TestAskNobodyElse(t *testing.T) {
	for name, x := range map[string]struct {
		tr         fleet.Transport
		registered bool
		hangUp     bool
		skip       gate.AskSkip
		state      gate.AskState
	}{
		"a claimed address":     {fleet.UDP, false, false, gate.SkipUnknown, gate.NotAsked},
		"silence":               {fleet.UDP, true, false, "", gate.AskSilent},
		"a stranger's flow":     {fleet.TCP, false, false, "", gate.AskSilent},
		"a connection that was": {fleet.TCP, true, true, gate.SkipGone, gate.NotAsked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := asks(t)
			p := w.phone(x.tr)
			w.straggle(p, x.registered)
			if x.hangUp {
				p.conn.Close()
				eventually(t, func() bool { return w.g.Live().Stats.Connections == 0 })
			}
			n, skipped, err := w.g.Ask(everyone)
			if err != nil || (n == 1) == (x.skip != "") || x.skip != "" && (len(skipped) != 1 || skipped[0].Why != x.skip) {
				t.Fatalf("%d, %v, %v", n, skipped, err)
			}
			w.asked(x.state)
		})
	}
}

// TestAskOnce: two operators at once ask once, and nobody is asked whom nobody
// named.
func TestAskOnce(t *testing.T) {
	w := newWorld(t, func(c *gate.Config) { c.DrainSpread, c.AskEvery = time.Hour, time.Hour })
	w.straggle(w.phone(fleet.UDP), true)
	if n, _, err := w.g.Ask(func(string, netip.AddrPort) bool { return false }); n != 0 || err != nil {
		t.Errorf("nobody: %d, %v", n, err)
	}
	if n, _, err := w.g.Ask(everyone); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if _, _, err := w.g.Ask(everyone); !errors.Is(err, gate.ErrAsking) {
		t.Errorf("twice: %v", err)
	}
}

// TestAskForged: only the address that was asked can answer.
func TestAskForged(t *testing.T) {
	w := asks(t)
	p, other := w.phone(fleet.UDP), w.phone(fleet.TCP)
	w.straggle(p, true)
	if _, _, err := w.g.Ask(everyone); err != nil {
		t.Fatal(err)
	}
	got := p.recv()
	forged := strings.Replace(header(got, "Via"), "sgask-", "sgask-0", 1)
	other.send(fmt.Sprintf("SIP/2.0 200 OK\r\nVia: %s\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=1\r\nCall-ID: 1\r\nCSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n", forged))
	w.asked(gate.AskSilent)
	w.sw.nothing()
}

// TestAskSIPp: a phone that is not ours hears it on the port that it sends from.
func TestAskSIPp(t *testing.T) {
	sipp, err := exec.LookPath("sipp")
	if err != nil {
		t.Skip("sipp is not installed (Debian: sip-tester)")
	}
	dir, err := filepath.Abs("testdata/sipp")
	if err != nil {
		t.Fatal(err)
	}
	for tr, flag := range map[fleet.Transport]string{fleet.UDP: "u1", fleet.TCP: "t1"} {
		t.Run(tr.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *gate.Config) { c.DrainSpread, c.AskEvery = time.Hour, time.Millisecond })
			own := loopbacktest.Address(t).String()
			run(t, sipp, "-sf", dir+"/straggler.xml", "-oocsf", dir+"/asked.xml", "-s", "anna", "-t", flag, "-i", own, "-p", "5060", "-m", "1", "-nostdin", w.addr(tr).String())
			eventually(t, func() bool { return w.g.Live().Left == 1 })
			w.policy.Horizon = time.Now().Add(-time.Second)
			w.set(allDraining)
			eventually(t, func() bool { return len(w.g.Stragglers()) == 1 })
			if n, skipped, err := w.g.Ask(everyone); n != 1 || err != nil {
				t.Fatalf("%d, %v, %v", n, skipped, err)
			}
			if a := w.asked(gate.AskAnswered); a.Status != 200 {
				t.Errorf("%+v", a)
			}
		})
	}
}
