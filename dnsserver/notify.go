package dnsserver

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// notifier tells the secondaries of new serials (RFC 1996), each by a
// goroutine of its own, so that one that does not answer holds up nobody.
type notifier struct {
	s     *Server
	wake  []chan struct{} // for each secondary to be told
	tasks []*notifyTask
}

// Between two tries to tell a secondary: at first, and at most. It doubles.
const (
	notifyFirst = time.Second
	notifyMost  = time.Minute
)

// notifyWait is how long a secondary may take to answer.
const notifyWait = time.Second

func newNotifier(s *Server) *notifier {
	n := &notifier{s: s}
	for _, sec := range s.conf.Secondaries {
		if !sec.Notify.IsValid() {
			continue
		}
		w, _ := packName(sec.Key)
		wake := make(chan struct{}, 1)
		n.wake = append(n.wake, wake)
		n.tasks = append(n.tasks, &notifyTask{
			s: s, to: sec.Notify, key: s.conf.keys[string(w)], wake: wake, told: map[string]uint32{},
			log: s.log.With().Str("secondary", sec.Notify.String()).Logger(),
		})
	}
	return n
}

// start begins a goroutine for each secondary; they end with the server.
func (n *notifier) start() {
	for _, t := range n.tasks {
		n.s.running.Go(t.run)
	}
}

// tell lets the secondaries be told of what is served now. It never waits.
func (n *notifier) tell() {
	for _, w := range n.wake {
		select {
		case w <- struct{}{}:
		default: // it will look at the newest anyway
		}
	}
}

// notifyTask tells one secondary.
type notifyTask struct {
	s    *Server
	to   netip.AddrPort
	key  *tsigKey
	wake chan struct{}
	told map[string]uint32 // serial that it has acknowledged, by origin
	last atomic.Uint32     // serial of the steered zone among them
	log  zerolog.Logger
}

func (t *notifyTask) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	t.s.running.Go(func() { // ends with run, or makes it end
		select {
		case <-t.s.ending:
			cancel()
		case <-ctx.Done():
		}
	})
	pause := notifyFirst
	for {
		if t.all(ctx) {
			pause = notifyFirst
			select {
			case <-ctx.Done():
				return
			case <-t.wake:
			}
			continue
		}
		if pause == notifyMost {
			t.log.Warn().Msg("a secondary does not answer when it is told of a new serial")
		}
		again := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			again.Stop()
			return
		case <-t.wake: // something new: at once, whatever it was that failed
			again.Stop()
			pause = notifyFirst
		case <-again.C:
			pause = min(2*pause, notifyMost)
		}
	}
}

// all tells of every zone whose serial is not acknowledged yet, and reports
// whether none is left.
func (t *notifyTask) all(ctx context.Context) bool {
	done := true
	zs := t.s.zones.Load()
	for _, z := range append([]*zone{zs.steered}, zs.others...) {
		if z == nil || len(z.source.Keys) > 0 { // nobody may have a signed one
			continue
		}
		serial := z.source.SOA.Serial
		if was, ok := t.told[string(z.origin)]; ok && was == serial {
			continue
		}
		if !t.one(ctx, z) {
			done = false
			continue
		}
		if t.told[string(z.origin)] = serial; z == zs.steered {
			t.last.Store(serial)
		}
	}
	return done
}

// one sends one message and waits for its answer.
func (t *notifyTask) one(ctx context.Context, z *zone) bool {
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", t.to.String())
	if err != nil {
		return false
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	id := randomID()
	msg, mac := notifyMessage(z, id, t.key, uint64(time.Now().Unix()))
	_ = c.SetDeadline(time.Now().Add(notifyWait))
	if _, err := c.Write(msg); err != nil {
		return false
	}
	buf := make([]byte, maxUDPSize)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return false
		}
		if t.acknowledges(buf[:n], id, mac) {
			return true
		}
	}
}

// randomID is hard to guess for who would forge an answer.
func randomID() uint16 {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails
	return u16(b[:])
}

// notifyMessage makes a signed NOTIFY with the new SOA record as a hint
// (RFC 1996 §3.7).
func notifyMessage(z *zone, id uint16, key *tsigKey, now uint64) (msg, mac []byte) {
	msg = make([]byte, headerSize, minUDPSize)
	putU16(msg, id)
	putU16(msg[2:], opcodeNotify|flagAA)
	putU16(msg[4:], 1)
	msg = append(append(msg, z.origin...), 0, 6, 0, classIN)
	if soa, err := soaRecord(z.source.SOA); err == nil {
		w := transferWriter{msg: msg, records: 1, lastAt: headerSize}
		_ = w.record(nil, soa) // it fits
		msg = w.msg
		putU16(msg[6:], 1)
	}
	s := signer{key: key}
	msg = s.sign(msg, now, 0, nil)
	return msg, s.before
}

// acknowledges reports whether a message is the signed answer to ours.
func (t *notifyTask) acknowledges(msg []byte, id uint16, mac []byte) bool {
	var q query
	if len(msg) < headerSize || u16(msg) != id || u16(msg[2:])&(flagQR|opcodeMask) != flagQR|opcodeNotify || u16(msg[2:])&0xF != 0 {
		return false
	}
	end := q.parseQuestion(msg)
	if end < 0 || !q.parseRecords(msg, end) || !q.tsig {
		return false
	}
	ts, err := parseTSIG(msg, q.tsigAt)
	return err == nil && t.s.conf.keys.answers(msg, q.tsigAt, &ts, t.key, mac)
}
