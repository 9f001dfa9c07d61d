package main

import (
	"strings"
	"testing"
	"time"
)

// TestFailoverWithAnEnd: a site that was failed over for a time comes back by
// itself where it is well, at every name server, and stays out, saying why, where
// it is not.
func TestFailoverWithAnEnd(t *testing.T) {
	l := newLab(t)
	l.loginsUp()
	answered := func(site string) bool {
		for _, targets := range l.status().Services[0].Transports {
			for _, x := range targets {
				if string(x.Site) == site {
					return true
				}
			}
		}
		return false
	}
	l.must(2, "failover", "calgary", "--for", "-5m", "--reason", "r", "--yes")
	l.must(3, "failover", "calgary", "--for", "73h", "--reason", "r", "--yes")
	if r := l.must(0, "plan", "failover", "calgary", "--for", "30m"); !strings.Contains(r.out, "+30m0s    the failover of calgary") {
		t.Errorf("the plan does not name the end:\n%s", r.out)
	}

	l.must(0, "failover", "calgary", "--for", "6s", "--reason", "carrier", "--yes")
	if r := l.must(0, "status"); !strings.Contains(r.out, "(carrier), for") || !strings.Contains(r.out, ", ends in ") {
		t.Errorf("status does not name the end:\n%s", r.out)
	}
	if answered("calgary") {
		t.Error("calgary is answered after its failover")
	}
	eventually(t, "calgary is back by itself", 60*time.Second, func() bool { return answered("calgary") && len(l.status().Outs) == 0 })
	if r := l.must(0, "history"); !strings.Contains(r.out, "the failover of calgary by ") || !strings.Contains(r.out, "calgary takes 5 % of") {
		t.Errorf("history:\n%s", r.out)
	}

	l.must(0, "lab", "break", "calgary", "tls-hang")
	eventually(t, "calgary is known to be down over TLS", 60*time.Second, func() bool { return l.status().Sites[0].Transports["tls"] == "down" })
	l.must(0, "failover", "calgary", "--for", "6s", "--reason", "again", "--yes")
	eventually(t, "its end has come and it stays out", 60*time.Second, func() bool {
		outs := l.status().Outs
		return len(outs) == 1 && strings.Contains(outs[0].Stays, "calgary is not known to be up over tls") && outs[0].Next != ""
	})
	if r := l.must(0, "why", "_sips._tcp.west"); !strings.Contains(r.out, "but it stays out: calgary is not known to be up over tls") {
		t.Errorf("why:\n%s", r.out)
	}
	if answered("calgary") {
		t.Error("a sick site came back at the end of its failover")
	}
	l.must(0, "lab", "heal", "calgary")
}
