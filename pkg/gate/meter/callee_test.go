package meter

import (
	"testing"
	"time"
)

// TestGone: a call goes where the callee is. It can be reached here until its
// registration here runs out, and elsewhere from its refusal on.
func TestGone(t *testing.T) {
	w := newWorld(t, Config{})
	desk, soft, bob := anna, anna, anna
	soft.ip, bob.user = "198.51.100.99", "bob"
	w.register(desk, contact(60))
	w.register(soft, contact(60))
	w.register(bob, contact(60))
	gone := func(uri string) bool { return w.m.Gone(w.now, []byte(uri)) }
	want := func(what string, annaGone, bobGone, otherGone bool) {
		t.Helper()
		for uri, want := range map[string]bool{
			"sip:anna@A.example.net;transport=udp": annaGone, "sip:bob@a.example.net:5060": bobGone,
			"sip:+14035550100@a.example.net": otherGone, "sip:x@elsewhere.example": false,
		} {
			if gone(uri) != want {
				t.Errorf("%s: %s is gone: %v", what, uri, !want)
			}
		}
	}
	want("open", false, false, false)
	w.drain(time.Minute)
	w.wait(50 * time.Second)
	w.ask("REGISTER", desk, Unavailable)
	want("one of two devices told", false, false, false)
	w.ask("REGISTER", soft, Unavailable)
	want("both told", false, false, false)
	w.wait(8500 * time.Millisecond)
	want("registration about to run out", true, false, false)
	w.ask("REGISTER", bob, Unavailable)
	want("just refused", true, false, false)
	w.wait(20 * time.Second)
	want("all moved", true, true, true)
}
