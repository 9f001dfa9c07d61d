package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/pki"
)

func TestFindings(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	well := api.StoreStatus{Quorum: true, Voters: 3, DiskFree: 50, DiskSize: 100, IdentityUntil: now.Add(60 * 24 * time.Hour)}
	if f := findings(well, now); len(f) != 0 {
		t.Errorf("nothing is wrong: %+v", f)
	}
	for name, tc := range map[string]struct {
		change func(*api.StoreStatus)
		want   string // urgency and a word, of each in order
	}{
		"no quorum": {func(s *api.StoreStatus) { s.Quorum = false }, "now no quorum"},
		"taken out": {func(s *api.StoreStatus) { s.Quorum, s.Left = false, true }, "now has left the fleet"},
		"halted":    {func(s *api.StoreStatus) { s.Halted, s.HaltedNext = "it has stopped", "restart it" }, "now has stopped"},
		"differs":   {func(s *api.StoreStatus) { s.Suspect = "it differs" }, "now it differs"},
		"disk and mark": {func(s *api.StoreStatus) {
			s.DiskError, s.Stale = "EIO", "the disk refuses decisions: EIO"
		}, "now refuses writes|note marked stale"},
		"full":               {func(s *api.StoreStatus) { s.DiskFree = 4 }, "now 4 % of the disk"},
		"filling":            {func(s *api.StoreStatus) { s.DiskFree = 14 }, "soon 14 % of the disk"},
		"size not known":     {func(s *api.StoreStatus) { s.DiskFree, s.DiskSize = 0, 0 }, ""},
		"slow disk":          {func(s *api.StoreStatus) { s.WriteP99 = 0.2 }, "soon 200 ms"},
		"certificate":        {func(s *api.StoreStatus) { s.IdentityUntil = now.Add(10 * 24 * time.Hour) }, "soon ends in 240h"},
		"certificate at end": {func(s *api.StoreStatus) { s.IdentityUntil = now.Add(24 * time.Hour) }, "now ends in 24h"},
		"two voters":         {func(s *api.StoreStatus) { s.Voters = 2 }, "note 2 of the agents vote"},
		"four voters":        {func(s *api.StoreStatus) { s.Voters = 4 }, "note even number"},
		"far on lan":         {func(s *api.StoreStatus) { s.Profile, s.RoundTrip, s.RoundTripTo = "lan", 0.038, "ottawa" }, "soon round trip to ottawa is 38ms"},
		"near on lan":        {func(s *api.StoreStatus) { s.Profile, s.RoundTrip, s.RoundTripTo = "lan", 0.008, "ottawa" }, ""},
		"far on wan":         {func(s *api.StoreStatus) { s.Profile, s.RoundTrip, s.RoundTripTo = "wan", 0.300, "sydney" }, "soon made for 100ms"},
		"usual on wan":       {func(s *api.StoreStatus) { s.Profile, s.RoundTrip, s.RoundTripTo = "wan", 0.080, "sydney" }, ""},
		"late": {func(s *api.StoreStatus) {
			s.Late = &api.LateStatus{NoData: 12, Questions: 90, Window: 75}
		}, "soon machine is late: 12 of 90 questions to softswitches in the last 1m15s were no data"},
		"in order": {func(s *api.StoreStatus) {
			s.Voters, s.DelayedProblem, s.DiskError = 2, "no room", "EIO"
		}, "now refuses writes|soon delayed copy|note vote"},
	} {
		t.Run(name, func(t *testing.T) {
			s := well
			tc.change(&s)
			got := findings(s, now)
			var want []string
			if tc.want != "" {
				want = strings.Split(tc.want, "|")
			}
			if len(got) != len(want) {
				t.Fatalf("found %+v, want %q", got, want)
			}
			for i, w := range want {
				urgency, words, _ := strings.Cut(w, " ")
				if got[i].Urgency != urgency || !strings.Contains(got[i].Text, words) || got[i].Next == "" {
					t.Errorf("found %+v, want %q", got[i], w)
				}
			}
		})
	}
}

func TestLeft(t *testing.T) {
	calgary, gone := pki.Agent{Name: "calgary"}, []pki.Revoked{{Agent: "calgary"}}
	for name, tc := range map[string]struct {
		registry pki.Registry
		want     bool
	}{
		"nobody is registered yet": {pki.Registry{}, false},
		"a member":                 {pki.Registry{Agents: []pki.Agent{calgary}}, false},
		"taken out":                {pki.Registry{Revoked: gone}, true},
		"taken in again":           {pki.Registry{Agents: []pki.Agent{calgary}, Revoked: gone}, false},
		"another was taken out":    {pki.Registry{Revoked: []pki.Revoked{{Agent: "ottawa"}}}, false},
	} {
		if got := hasLeft(tc.registry, "calgary"); got != tc.want {
			t.Errorf("%s: left %v", name, got)
		}
	}
}
