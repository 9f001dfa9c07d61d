package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// register asks the gate of a site to register somebody of a domain over UDP, and
// returns the status of the answer; "" when there was none in time.
func (l *testLab) register(site int, domain string) string {
	l.t.Helper()
	conn, err := net.Dial("udp", l.place(site).Gate[fleet.UDP].String())
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close()
	id := fmt.Sprintf("%s-%d", domain, time.Now().UnixNano())
	fmt.Fprintf(conn, "REGISTER sip:%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;rport;branch=z9hG4bK%[3]s\r\nMax-Forwards: 70\r\nFrom: <sip:anna@%[1]s>;tag=1\r\nTo: <sip:anna@%[1]s>\r\n"+
		"Call-ID: %[3]s\r\nCSeq: 1 REGISTER\r\nContact: <sip:anna@%[2]s>\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n", domain, conn.LocalAddr(), id)
	conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if status, ok := strings.CutPrefix(string(answer[:n]), "SIP/2.0 "); err == nil && ok {
		return status[:3]
	}
	return ""
}

// TestDrillOfACohortWithRealAgents: while half of the tenants practise, they are
// led elsewhere and refused at the gate, and nobody else is; status and why say so;
// afterwards all are answered alike again.
func TestDrillOfACohortWithRealAgents(t *testing.T) {
	l := startLab(t, "5s")
	// mover is a tenant of the half that leaves, stayer one of the other.
	var mover, stayer string
	for i := 0; mover == "" || stayer == ""; i++ {
		switch name := fmt.Sprintf("t%d.voice.example.net", i); {
		case fleet.BucketOf(fleet.TenantID(name)) < 50:
			mover = name
		default:
			stayer = name
		}
	}
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	l.must(0, "tenant", "import", write("tenants.csv", "domain,service\n"+mover+",west.voice.example.net\n"+stayer+",west.voice.example.net\n"), "--reason", "r", "--yes")
	if r := l.run("drill", "calgary", "--cohort", "half", "--reason", "r", "--yes"); r.code != 2 || !strings.Contains(r.err, `"half" is no cohort`) {
		t.Errorf("a cohort that is none: %d %s", r.code, r.err)
	}
	d := runbook.Drill{Lasts: 20 * time.Second, Cohort: "0-49"}
	file := write("drill.yaml", string(d.Text()))
	at := []string{"--set", "site=calgary", "--set", "cohort=0-49"}
	eventually(t, "all is well", patience, func() bool {
		r := l.run(append([]string{"runbook", "plan", file}, at...)...)
		return r.code == 0 && !slices.ContainsFunc(strings.Split(r.out, "\n"), func(line string) bool {
			return strings.Contains(line, "must be true: ") && !strings.Contains(line, "— now yes")
		})
	})
	l.must(0, append([]string{"runbook", "run", file, "--reason", "first drill", "--yes"}, at...)...)
	server := l.servers()[0]
	calgary := func(name string) bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		reply, err := dnsserver.Ask(ctx, server, "_sip._udp."+name, "SRV", false)
		if err != nil || len(reply.Answer) < 2 {
			t.Fatalf("%s: %+v, %v", name, reply, err)
		}
		return slices.ContainsFunc(reply.Answer, func(rr string) bool { return strings.Contains(rr, "sip.calgary.") })
	}
	eventually(t, "the cohort has left", patience, func() bool {
		if !calgary(stayer) || !calgary("west.voice.example.net") {
			t.Fatal("somebody else has left")
		}
		return !calgary(mover)
	})
	eventually(t, "the gate refuses the cohort, and nobody else", patience, func() bool {
		for _, name := range []string{stayer, "west.voice.example.net", "east.voice.example.net"} {
			if status := l.register(0, name); status != "200" && status != "" {
				t.Fatalf("a phone of %s gets %s", name, status)
			}
		}
		return l.register(0, mover) == "503" && l.register(1, mover) == "200" && l.register(0, stayer) == "200"
	})
	if out := l.must(0, "gate", "status", "calgary").out; !strings.Contains(out, "REFUSED HERE") || !strings.Contains(out, "0-49") {
		t.Errorf("gate status says nothing of it:\n%s", out)
	}
	for name, stays := range map[string]bool{mover: false, stayer: true} {
		if out := l.must(0, "dns", "query", "_sip._udp."+name, "SRV").out; strings.Contains(out, "sip.calgary.") != stays {
			t.Errorf("dns query computes something else than the name servers answer:\n%s", out)
		}
	}
	if zone := l.must(0, "dns", "zone").out; !strings.Contains(zone, "_c0.west") {
		t.Errorf("dns zone has no set of the cohort:\n%s", zone)
	}
	if out := l.must(0, "status").out; !strings.Contains(out, "(drill for cohort 0-49)") || !strings.Contains(out, "50 % of tenants") || !strings.Contains(out, "open but for a part") {
		t.Errorf("status says nothing of it:\n%s", out)
	}
	if out := l.must(0, "why", mover).out; !strings.Contains(out, "runbook drill: first drill") {
		t.Errorf("why %s:\n%s", mover, out)
	}
	eventually(t, "the cohort is back", patience, func() bool {
		if !calgary(stayer) {
			t.Fatal("somebody else has left")
		}
		return calgary(mover) && !strings.Contains(l.must(0, "status").out, "(drill")
	})
	eventually(t, "the gate takes the cohort again", patience, func() bool { return l.register(0, mover) == "200" })
	if p := l.practice("calgary"); p.Verdict != steer.DrillSucceeded || p.Cohort.String() != "0-49" || p.PartAt.IsZero() || !p.GoodAt.IsZero() {
		t.Errorf("%+v", p)
	}
	if out := l.run("readiness").out; !strings.Contains(out, "for 50 % of the tenants (buckets 0-49) only; with everyone: never") {
		t.Errorf("readiness:\n%s", out)
	}
}
