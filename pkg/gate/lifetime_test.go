package gate

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines notes what is set of a connection.
type deadlines struct {
	net.Conn
	n    int
	last time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.n, d.last = d.n+1, t
	return nil
}

// TestLifetimeIsSetSeldom: the deadline does not move with every message, is never
// later than the connection's end, and one that has passed is set again.
func TestLifetimeIsSetSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{}.withDefaults()
		d := &deadlines{}
		var l lifetime
		l.init(&cfg, time.Now())
		l.message(time.Now())
		arm := func(partial bool) {
			t.Helper()
			if !l.arm(d, partial) {
				t.Fatal("over")
			}
			if d.last.After(l.end()) || !d.last.After(time.Now()) {
				t.Errorf("at %s it is set to %s, the end is %s", time.Now(), d.last, l.end())
			}
		}
		for range 1000 {
			time.Sleep(4 * time.Millisecond)
			l.message(time.Now())
			arm(false)
		}
		if d.n != 1 {
			t.Errorf("set %d times for 1000 messages in 4 s", d.n)
		}
		arm(true) // a message has begun: it has 10 s
		if want := time.Now().Add(cfg.MessageTimeout); !d.last.Equal(want) {
			t.Errorf("%s, want %s", d.last, want)
		}
		l.message(time.Now())
		arm(false)
		time.Sleep(slack / 2)
		l.ping(time.Now())
		arm(false)
		time.Sleep(cfg.IdleTimeout - slack/2) // what was set has passed, the end has not
		arm(false)
		time.Sleep(cfg.IdleTimeout)
		if l.arm(d, false) {
			t.Error("nothing ends it")
		}
	})
}
