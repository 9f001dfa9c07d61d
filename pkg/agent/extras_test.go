package agent

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func fleetWith(extra ...fleet.Extra) *fleet.Fleet {
	f := fleettest.ThreeSites()
	f.Checks.Extra = extra
	f = f.WithDefaults()
	return &f
}

// TestFurtherChecksAreAskedWhereTheyCanBe: local ones at home only, with what
// the agent's own file allows.
func TestFurtherChecksAreAskedWhereTheyCanBe(t *testing.T) {
	f := fleetWith(
		fleet.Extra{Name: "spool", Kind: "storage", Directory: "spool", Steers: true},
		fleet.Extra{Name: "disk", Kind: "exec", Run: "unknown-here"},
		fleet.Extra{Name: "rpc", Kind: "tcp", Port: 8021},
		fleet.Extra{Name: "answers", Kind: "dns", Question: "_sip._udp.west"},
		fleet.Extra{Name: "outside", Kind: "dns", Question: "_sip._udp.west", Resolvers: []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::53")}},
	)
	a := &Agent{cfg: Config{Name: "calgary", Site: "calgary", Directories: map[string]string{"spool": "/spool"}}, log: zerolog.Nop()}
	counts := map[health.Kind]int{}
	for _, s := range a.extraSpecs(f, nil) {
		counts[s.Check.Kind]++
		switch s.Check.Kind.Base() {
		case health.Storage:
			if s.Check.Site != "calgary" || s.Question.Dir != "/spool" {
				t.Errorf("storage: %+v", s)
			}
		case health.Exec:
			if len(s.Question.Command) != 0 {
				t.Errorf("a command that this agent does not have: %+v", s)
			}
		case health.TCP:
			if s.Address.Port() != 8021 {
				t.Errorf("tcp: %+v", s)
			}
		case health.DNS:
			outside := s.Check.Kind == "dns:outside"
			if s.Question.Name != f.FQDN("_sip._udp.west") || s.Address.Port() != 53 || s.Question.Resolver != outside || outside != (s.Check.Switch == fleet.SwitchID(s.Address.Addr().String())) {
				t.Errorf("dns: %+v", s)
			}
		}
	}
	transports := len(f.Site("calgary").Softswitches[0].Listeners)
	if counts["storage:spool"] != transports || counts["exec:disk"] != 1 || counts["tcp:rpc"] != 3 || counts["dns:answers"] != len(f.NameServers) || counts["dns:outside"] != 2 {
		t.Errorf("%v", counts)
	}
	for _, c := range checksOf(f) {
		if c.Kind.Base() != health.Storage && c.Kind != health.Options && c.Kind != health.TLS {
			t.Errorf("%s counts, but was not to", c)
		}
	}
}

// TestOnlyTheSiteItselfSpeaksOfItsDisk: its own agent's opinion is the verdict,
// and an agent elsewhere cannot make a disk sick.
func TestOnlyTheSiteItselfSpeaksOfItsDisk(t *testing.T) {
	f := fleetWith(fleet.Extra{Name: "spool", Kind: "storage", Directory: "spool", Steers: true})
	sw := f.Site("calgary").Softswitches[0]
	disk := health.Check{Target: health.Target{Site: "calgary", Switch: sw.Name, Transport: sw.Listeners[0].Transport}, Kind: health.Storage.Named("spool")}
	peers := []Peer{{Name: "calgary", Site: "calgary"}, {Name: "ottawa", Site: "ottawa"}, {Name: "vancouver", Site: "vancouver"}}
	state := steer.State{Fleet: f}
	for _, tt := range []struct {
		says string
		want health.Status
	}{{"calgary", health.Down}, {"ottawa", health.Unknown}} {
		o := newOpinions(func() []Peer { return peers }, time.Minute)
		for _, p := range peers {
			r := api.Report{Agent: string(p.Name), Site: string(p.Site), Seq: 1}
			if string(p.Name) == tt.says {
				r.Opinions = []health.Opinion{{Check: disk, Status: health.Down, Cause: health.CauseStorage}}
			}
			if err := o.take(r, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		verdicts := o.verdicts(state, time.Now())
		i := slices.IndexFunc(verdicts, func(v health.Verdict) bool { return v.Check == disk })
		if i < 0 || verdicts[i].Status != tt.want {
			t.Errorf("%s says down: %+v", tt.says, verdicts)
		}
	}
}
