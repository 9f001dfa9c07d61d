package threesites_test

import (
	"os/exec"
	"slices"
	"testing"
	"time"
)

// oneRefresh is longer than the phone's registration interval of ten seconds.
const oneRefresh = 45 * time.Second

// TestThreeSites is a day of the example: phones find their site by DNS, a
// drain refuses new calls and keeps old ones, and when Calgary's softswitch
// dies its phone is soon registered elsewhere.
func TestThreeSites(t *testing.T) {
	f := newFleet(t)
	t.Run("name servers", f.testNameServers)
	t.Run("larger fleet", f.testLargerFleet)
	t.Run("drain", f.testDrain)
	t.Run("outage", f.testOutage)
}

// testDrain drains Calgary while a call is up there.
func (f *fleet) testDrain(t *testing.T) {
	t.Cleanup(func() { f.must("undrain", "calgary", "--now", "--yes") })
	register := f.sipp(t, "register", "2", f.gate("calgary"))
	register.succeeds(t, 60*time.Second)
	if !f.registered("calgary", "bob") {
		t.Fatal("bob is not registered at calgary")
	}
	callee := f.sipp(t, "callee", "2")
	caller := f.sipp(t, "caller", "3", "-set", "rounds", "16", f.gate("calgary"))
	renewals := func() int { return caller.sent("ACK sip:", "CSeq: 2 ACK") + caller.sent("ACK sip:", "CSeq: 3 ACK") }
	eventually(t, "the call is up", 60*time.Second, func() bool { return renewals() > 0 })

	f.must("drain", "calgary", "--now", "--reason", "kernel", "--for", "1h", "--yes")
	if s := f.status().Sites[0]; s.Gate != "draining" {
		t.Errorf("calgary after drain: %+v", s)
	}
	refused := f.sipp(t, "refused", "4", f.gate("calgary"))
	refused.succeeds(t, 60*time.Second)
	if !caller.running() {
		t.Error("the call ended before the drain was over: nothing was shown")
	}
	caller.succeeds(t, 60*time.Second)
	callee.succeeds(t, 60*time.Second)
	if n := caller.sent("BYE sip:"); n != 1 {
		t.Errorf("the caller sent %d BYE, want 1", n)
	}
	if n := refused.sent("ACK sip:"); n != 1 {
		t.Errorf("the refused caller sent %d ACK, want 1: no 503 came", n)
	}
}

// testOutage kills Calgary's softswitch under a phone that is registered over
// UDP as alice and over TLS as anna.
func (f *fleet) testOutage(t *testing.T) {
	baresip := peer(t, "baresip", "baresip-core")
	phone := start(t, f.dir, "baresip", exec.Command(baresip, "-f", "baresip"))
	eventually(t, "the phone finds calgary by DNS and registers", oneRefresh, func() bool {
		return f.registered("calgary", "alice") && f.registered("calgary", "anna")
	})

	f.kamailios["calgary"].kill()
	eventually(t, "west has left calgary", 60*time.Second, func() bool {
		return slices.Equal(f.targets("west", "udp"), []string{"vancouver", "ottawa"})
	})
	eventually(t, "the phone is registered at the next site", 2*oneRefresh, func() bool {
		return f.registered("vancouver", "alice") && f.registered("vancouver", "anna")
	})
	if !phone.running() {
		t.Errorf("the phone ended: %v", phone.err)
	}
	st := f.status()
	if s := st.Sites[0]; s.Gate != "closed" || !s.Reflex || s.Intent != "active" {
		t.Errorf("calgary: %+v", s)
	}
	if len(st.Incidents) != 1 {
		t.Errorf("incidents: %+v", st.Incidents)
	}
	// East is set to advise: a person decides.
	if got := f.targets("east", "udp"); !slices.Contains(got, "calgary") || len(st.Advice) == 0 {
		t.Errorf("east is set to advise, and answers %v with advice %+v", got, st.Advice)
	}
}

// targets are the sites that a service is answered with, best first.
func (f *fleet) targets(service, transport string) []string {
	for _, s := range f.status().Services {
		if s.Name == service+".voice.example.net" {
			var out []string
			for _, target := range s.Transports[transport] {
				out = append(out, string(target.Site))
			}
			return out
		}
	}
	return nil
}
