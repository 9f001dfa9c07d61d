package gate

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate/meter"
)

// Ask has stragglers look again where they belong: each gets one NOTIFY with
// check-sync, one after the other at the pace of Config.AskEvery, by the way that
// it came: over its own connection, and over UDP from the address and port that
// it sent to, so that a NAT lets it through. want chooses among them. It returns
// at once; Stragglers has what came of it.
func (g *Gate) Ask(want func(aor string, source netip.AddrPort) bool) (asked int, skipped []Skipped, err error) {
	var all []meter.Straggler
	now := time.Now()
	for _, s := range g.meter.Stragglers(now) {
		if want(s.AoR, s.Source) {
			all = append(all, s)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.started || g.stopped {
		return 0, nil, errors.New("ask devices: the gate does not run")
	}
	queue, skipped, err := g.asking.begin(now, g.cfg.AskAgain, all, func(s meter.Straggler) bool { return g.conns.of(s) != nil })
	if err == nil && len(queue) > 0 {
		g.loops.Go(func() { g.ask(queue) }) // ends with the queue, or when the gate stops
	}
	return len(queue), skipped, err
}

// question is one NOTIFY that is under way.
type question struct {
	branch string
	text   []byte
	to     meter.Straggler
	sent   time.Time
	times  int
	next   time.Time // when it is sent again, over UDP
}

// resend is the time until a NOTIFY over UDP is sent again (RFC 3261 §17.1.2.2,
// Timer E: T1, doubled, at most T2). It is given up after that: who has not heard
// five of them hears no more, and every one is traffic that nobody asked for.
var resend = [...]time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}

// ask works through the queue.
func (g *Gate) ask(queue []meter.Straggler) {
	defer g.asking.end()
	var open []*question
	for len(queue) > 0 || len(open) > 0 {
		if !g.conns.pause(g.cfg.AskEvery/2 + mathrand.N(g.cfg.AskEvery)) {
			return
		}
		now := time.Now()
		if len(queue) > 0 {
			q := g.question(queue[0])
			queue = queue[1:]
			g.asking.sent(q.branch, askKey{q.to.AoR, q.to.Source.Addr()})
			q.sent = now
			g.put(q, now)
			open = append(open, q)
		}
		still := open[:0]
		for _, q := range open {
			switch {
			case !g.asking.waits(q.branch):
				continue
			case now.Sub(q.sent) >= g.cfg.AskSilence:
				g.asking.close(q.branch, AskSilent)
				continue
			case !q.next.IsZero() && !now.Before(q.next):
				g.put(q, now)
			}
			still = append(still, q)
		}
		open = still
	}
}

// put sends a question, again over UDP.
func (g *Gate) put(q *question, now time.Time) {
	if q.to.Transport == fleet.UDP {
		q.next = time.Time{}
		if q.times < len(resend) {
			q.next = now.Add(resend[q.times])
		}
		q.times++
		if !g.sendFrom(q.to.Local, q.to.Source, q.text) {
			g.asking.close(q.branch, AskGone)
		}
		return
	}
	p := g.conns.of(q.to)
	if p == nil {
		g.asking.close(q.branch, AskGone)
		return
	}
	g.loops.Go(func() { // ends within WriteTimeout; a slow taker holds nobody up
		if !p.write(q.text) {
			g.asking.close(q.branch, AskGone)
		}
	})
}

// sendFrom sends a packet from the socket that has a local address.
func (g *Gate) sendFrom(local, to netip.AddrPort, b []byte) bool {
	for _, s := range g.udp { // not changed after Start
		if s.local.addr == local {
			_, err := s.conn.WriteToUDPAddrPort(b, to)
			return err == nil
		}
	}
	return false
}

// of is the connection that a straggler came by, nil when it is gone.
func (c *connections) of(s meter.Straggler) *phone {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.all {
		if p.src == s.Source && p.local.transport == s.Transport {
			return p
		}
	}
	return nil
}

// question makes the NOTIFY for a device. It is out of any dialog, as phones expect
// it, and its subscription is over at once.
func (g *Gate) question(s meter.Straggler) *question {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	token := hex.EncodeToString(random[:])
	local := newLocal(s.Transport, s.Local)
	user, domain, ok := strings.Cut(s.AoR, "@")
	if !ok {
		user, domain = "", s.AoR
	}
	if strings.ContainsFunc(domain, notOfHost) || domain == "" {
		domain = local.addr.Addr().String() // what strangers wrote is no host
	}
	uri := s.Contact
	if uri == "" {
		uri = fmt.Sprintf("sip:%s%s;transport=%s", at(user), s.Source, s.Transport)
	}
	branch := askMark + token[:16]
	text := fmt.Sprintf("NOTIFY %s SIP/2.0\r\nVia: %s;branch=%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:%s>;tag=%s\r\nTo: <sip:%s>\r\n"+
		"Call-ID: %s@%s\r\nCSeq: 1 NOTIFY\r\nContact: <sip:%s;transport=%s>\r\nEvent: check-sync;reboot=false\r\nSubscription-State: terminated\r\nContent-Length: 0\r\n\r\n",
		uri, local.via, branch, domain, token[16:24], at(user)+domain, token[8:], local.addr.Addr(), local.addr, s.Transport)
	return &question{branch: branch, text: []byte(text), to: s}
}

// at is what stands before a host: nothing without a user. The meter keeps
// printable octets only; what would end a URI is escaped (RFC 3261 §19.1.2).
func at(user string) string {
	if user == "" {
		return ""
	}
	var b strings.Builder
	for i := range len(user) {
		if c := user[i]; c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("-_.!~*'()&=+$,;?/%", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String() + "@"
}

// notOfHost reports whether a host cannot have the character; the meter keeps
// hosts in small letters.
func notOfHost(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-:[]", r)
}
