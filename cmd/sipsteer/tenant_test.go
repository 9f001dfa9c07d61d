package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/dnsserver"
)

// TestTenantsAtTheDesk imports tenants, and looks at their answers from outside
// and with the commands that compute them.
func TestTenantsAtTheDesk(t *testing.T) {
	l := newLab(t)
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "tenants.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bad := write("domain,service\nacme.voice.example.net,west.voice.example.net\nbad..name,west.voice.example.net\nx.voice.example.net,north.voice.example.net\n")
	if r := l.must(2, "tenant", "import", bad, "--reason", "r", "--yes"); !strings.Contains(r.err, ":3:1:") || !strings.Contains(r.err, ":4:21:") {
		t.Errorf("a bad file: %s", r.err)
	}
	const name, none = "_sip._udp.acme.voice.example.net", "_sip._udp.nobody.voice.example.net"
	if r := l.must(0, "dns", "query", name, "SRV"); !strings.Contains(r.out, "NXDOMAIN") {
		t.Errorf("after a refused import: %s", r.out)
	}
	l.must(0, "tenant", "import", write("domain,service\nacme.voice.example.net,east.voice.example.net\nzeta.voice.example.net,west.voice.example.net\n"), "--reason", "r", "--yes")
	computed := l.must(0, "dns", "query", strings.ToUpper(name)+".", "SRV").out
	zone := l.must(0, "dns", "zone").out
	for _, site := range l.servers() {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		reply, err := dnsserver.Ask(ctx, site, name, "SRV", false)
		cancel()
		if err != nil || len(reply.Answer) != 3 {
			t.Fatalf("%s answers %+v, %v", site, reply, err)
		}
		for _, rr := range reply.Answer {
			data := strings.Join(strings.Fields(rr)[3:], " ")
			if !strings.Contains(computed, data) {
				t.Errorf("%s answers %q; dns query says\n%s", site, data, computed)
			}
			if !slices.ContainsFunc(strings.Split(zone, "\n"), func(line string) bool {
				return strings.HasPrefix(line, name+".") && strings.HasSuffix(strings.Join(strings.Fields(line), " "), data)
			}) {
				t.Errorf("%s answers %q; dns zone has no such line", site, data)
			}
		}
	}
	if r := l.must(0, "dns", "query", none, "SRV"); !strings.Contains(r.out, "NXDOMAIN") {
		t.Errorf("of nobody: %s", r.out)
	}
	l.must(0, "tenant", "rollback", "--reason", "r", "--yes")
	if r := l.must(0, "dns", "query", name, "SRV"); !strings.Contains(r.out, "NXDOMAIN") {
		t.Errorf("after the rollback: %s", r.out)
	}

	// Further back than one import, and to before the first.
	first := l.status().Epoch
	l.must(0, "tenant", "import", write("domain,service\nacme.voice.example.net,west.voice.example.net\n"), "--reason", "r", "--yes")
	good := l.status().Epoch
	want := l.must(0, "tenant", "export").out
	l.must(0, "tenant", "import", write("domain,service\nacme.voice.example.net,east.voice.example.net\n"), "--reason", "wrong", "--yes")
	l.must(0, "tenant", "import", write("domain,service\nbeta.voice.example.net,east.voice.example.net\n"), "--reason", "wrong too", "--yes")
	if r := l.must(0, "tenant", "export", "--epoch", fmt.Sprint(good)); r.out != want {
		t.Errorf("the table of epoch %d:\n%s\nit was\n%s", good, r.out, want)
	}
	for _, at := range []struct{ epoch, first string }{{fmt.Sprint(first), "NXDOMAIN"}, {fmt.Sprint(good), "10 100 5060 sip.calgary."}, {"now", "10 100 5060 sip.ottawa."}} {
		if r := l.must(0, "dns", "query", name, "SRV", "--at", at.epoch); !strings.Contains(r.out, at.first) {
			t.Errorf("at epoch %s acme has not %q: %s", at.epoch, at.first, r.out)
		}
		tenants := strings.Count(l.must(0, "dns", "zone", "--at", at.epoch).out, "\n_sip._udp.beta.voice.example.net.")
		if (tenants > 0) != (at.epoch == "now") {
			t.Errorf("the zone of epoch %s has %d records of beta", at.epoch, tenants)
		}
	}
	if r := l.must(0, "tenant", "rollback", "--epoch", fmt.Sprint(good), "--reason", "wrong"); !strings.Contains(r.out, "1 moved, 1 removed") || l.must(0, "tenant", "export").out == want {
		t.Errorf("shown without --yes: %s", r.out)
	}
	l.must(0, "tenant", "rollback", "--epoch", fmt.Sprint(good), "--reason", "wrong", "--yes")
	if r := l.must(0, "tenant", "export"); r.out != want {
		t.Errorf("back to epoch %d:\n%s\nit was\n%s", good, r.out, want)
	}
	l.must(0, "tenant", "rollback", "--epoch", fmt.Sprint(first), "--reason", "none of them", "--yes")
	if r := l.must(0, "tenant", "export"); r.out != "domain,service\n" {
		t.Errorf("back to before the first: %s", r.out)
	}
	l.must(2, "tenant", "rollback", "--epoch", "99999", "--reason", "r", "--yes")
}
