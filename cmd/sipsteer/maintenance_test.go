package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// site is what status says of one site.
func (l *testLab) site(name string) api.SiteStatus {
	l.t.Helper()
	sites := l.status().Sites
	i := slices.IndexFunc(sites, func(s api.SiteStatus) bool { return s.Name == name })
	if i < 0 {
		l.t.Fatalf("status has no site %s", name)
	}
	return sites[i]
}

// TestMaintenance: a softswitch that is stopped for work at a drained site is shown
// and is nobody's incident; the death of another site's is failed over at once, and
// not taken for the same fault at two sites; and the end of the drain makes a
// failure of what is left.
func TestMaintenance(t *testing.T) {
	l := newLab(t)
	l.loginsUp()
	l.setLine("  common_cause_window:", "  max_sites_out: 2\n  common_cause_window: 10m")
	l.must(0, "drain", "calgary", "--now", "--reason", "kernel update", "--for", "30m", "--yes")
	l.must(0, "lab", "break", "calgary", "down")
	eventually(t, "calgary is known to be down everywhere", patience, func() bool {
		s := l.site("calgary")
		return s.Transports["udp"] == "down" && s.Transports["tcp"] == "down" && s.Transports["tls"] == "down"
	})
	if s, st := l.site("calgary"), l.status(); len(st.Incidents) != 0 || !slices.Equal(s.Maintenance, []string{"udp", "tcp", "tls"}) {
		t.Errorf("in maintenance %v, incidents %+v", s.Maintenance, st.Incidents)
	}
	if r := l.must(0, "status"); !strings.Contains(r.out, "down (maintenance)") {
		t.Errorf("status:\n%s", r.out)
	}
	if r := l.must(0, "checks"); !strings.Contains(r.out, "down (maintenance)") {
		t.Errorf("checks:\n%s", r.out)
	}
	if r := l.must(0, "why", "_sip._udp.west"); !strings.Contains(r.out, ", in maintenance") {
		t.Errorf("why:\n%s", r.out)
	}

	l.must(0, "lab", "break", "ottawa", "down")
	eventually(t, "ottawa is failed over", patience, func() bool {
		return !slices.ContainsFunc(l.status().Services, func(s api.ServiceStatus) bool {
			for _, targets := range s.Transports {
				if len(targets) != 1 || targets[0].Site != "vancouver" {
					return true
				}
			}
			return false
		})
	})
	if st := l.status(); len(st.Incidents) != 1 || !slices.Equal(st.Incidents[0].Sites, []string{"ottawa"}) {
		t.Errorf("incidents %+v", st.Incidents)
	}

	l.must(2, "silence", "add", "vancouver", "--softswitch", "ottawa-1", "--for", "1h", "--reason", "r", "--yes")
	l.must(0, "silence", "add", "ottawa", "--for", "1h", "--reason", "looked after", "--yes")
	if st := l.status(); len(st.Silences) != 1 || len(st.Silences[0].Quiet) != 0 || len(st.Incidents) != 1 {
		t.Errorf("what failed before stays a failure: %+v, incidents %+v", st.Silences, st.Incidents)
	}
	if r := l.must(0, "silence", "list"); !strings.Contains(r.out, "looked after") {
		t.Errorf("silence list:\n%s", r.out)
	}
	if r := l.must(3, "silence", "add", "vancouver", "--for", "1h", "--reason", "r", "--yes"); !strings.Contains(r.err, "--override heard") {
		t.Errorf("the last site of which people hear:\n%s", r.err)
	}
	l.must(0, "silence", "end", "ottawa")

	l.must(0, "undrain", "calgary", "--reason", "done", "--yes")
	if st := l.status(); len(st.Incidents) != 2 || !slices.Equal(st.Incidents[1].Sites, []string{"calgary"}) || len(l.site("calgary").Maintenance) != 0 {
		t.Errorf("after the drain: incidents %+v", st.Incidents)
	}
	if r := l.must(0, "history"); strings.Contains(r.out, "common cause") {
		t.Errorf("what was stopped was taken for a common cause:\n%s", r.out)
	}
}
