package steer_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

var writeCompat = flag.String("write-compat", "", "write a log and its State in today's format here; for a new version alone")

// TestOldLogsLeadToTheSameState applies the log of each version that there was
// with today's code. It must lead to the State that the program of that version
// came to, octet by octet: agents of both versions apply the same log while a
// fleet is upgraded. And that State, as a snapshot holds it, is read and written
// without a change.
func TestOldLogsLeadToTheSameState(t *testing.T) {
	if *writeCompat != "" {
		makeCompat(t, *writeCompat)
	}
	versions, err := filepath.Glob(filepath.Join("testdata", "compat", "*"))
	if err != nil || len(versions) == 0 {
		t.Fatalf("no versions: %v", err)
	}
	for _, dir := range versions {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			log, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join(dir, "state.json"))
			if err != nil {
				t.Fatal(err)
			}
			s := steer.New()
			for entry := range bytes.Lines(log) {
				cmds, err := steer.Decode(entry)
				if err != nil {
					t.Fatal(err)
				}
				s, _, _ = steer.ApplyAll(s, cmds)
			}
			if got := indented(t, s); got != string(want) {
				t.Errorf("the log leads to another State:\n%s", firstDifference(got, string(want)))
			}
			var read steer.State
			if err := json.Unmarshal(want, &read); err != nil {
				t.Fatal(err)
			}
			if got := indented(t, read); got != string(want) {
				t.Errorf("a State read and written is another:\n%s", firstDifference(got, string(want)))
			}
			zone := steer.Records(read)
			if err := zone.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func indented(t *testing.T, s steer.State) string {
	t.Helper()
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

func firstDifference(got, want string) string {
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	part := func(s string) string { return s[max(0, min(at, len(s))-200):min(len(s), at+200)] }
	return "now …" + part(got) + "…\nthen …" + part(want) + "…"
}

// makeCompat plays a little of everything and writes what the test reads.
func makeCompat(t *testing.T, to string) {
	t.Helper()
	var log bytes.Buffer
	s, now := steer.New(), time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	apply := func(cmds ...steer.Command) {
		for i := range cmds {
			cmds[i].At = now
			if cmds[i].By == "" {
				cmds[i].By, cmds[i].Reason = "alice", "because"
			}
			cmds[i].Version = max(cmds[i].Version, cmds[i].Needs())
		}
		entry, err := steer.Encode(cmds)
		if err != nil {
			t.Fatal(err)
		}
		log.Write(append(entry, '\n'))
		s, _, _ = steer.ApplyAll(s, cmds)
	}
	f := fleettest.ThreeSites()
	apply(steer.Command{Kind: steer.KindSetFleet, Fleet: &f})
	verdicts := newModel().verdicts
	lead := func(after time.Duration) {
		for end := now.Add(after); now.Before(end); now = now.Add(10 * time.Second) {
			if cmds := steer.Decide(s, steer.Input{Now: now, Verdicts: verdicts, Settled: true}); len(cmds) > 0 {
				apply(cmds...)
			}
		}
	}
	fail := func(site fleet.SiteID, st health.Status) {
		for i := range verdicts {
			if verdicts[i].Check.Site == site {
				verdicts[i].Status, verdicts[i].Since, verdicts[i].Cause = st, now, health.CauseNone
				if st == health.Down {
					verdicts[i].Cause = health.CauseTimeout
				}
			}
		}
	}
	lead(time.Minute)
	rows := steer.TenantRows([]fleet.TenantChange{{Domain: "acme.voice.example.net", Service: "west.voice.example.net"}, {Domain: "globex.voice.example.net", Service: "east.voice.example.net"}}, 1<<20)
	apply(steer.Command{Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u1", Rows: rows[0]}})
	apply(steer.Command{Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "u1", Part: 1}})
	hour := fleet.Duration(time.Hour)
	apply(steer.Command{Kind: steer.KindDrain, Site: "calgary", Service: "west.voice.example.net", For: hour})
	lead(4 * time.Minute)
	apply(steer.Command{Kind: steer.KindDrain, Site: "ottawa", For: hour}) // refused: one at a time
	apply(steer.Command{Kind: steer.KindUndrain, Site: "calgary"})
	lead(5 * time.Minute)
	fail("vancouver", health.Down)
	lead(time.Minute)
	fail("vancouver", health.Up)
	lead(2 * time.Minute)
	apply(steer.Command{Kind: steer.KindHold, For: hour}, steer.Command{Kind: steer.KindAck})
	apply(steer.Command{Kind: steer.KindFailback, Site: "vancouver"})
	lead(90 * time.Second)
	apply(steer.Command{Kind: steer.KindDrain, Site: "calgary", Transport: fleet.TLS, For: hour, Override: []steer.Rule{steer.RuleOneAtATime}})
	lead(30 * time.Second)
	for _, c := range sinceVersion1(t, now) {
		now = now.Add(time.Second)
		apply(c)
		lead(20 * time.Second)
	}
	apply(steer.Command{Kind: steer.KindUndrain, Site: "calgary"})
	lead(time.Minute)
	apply(steer.Command{Kind: steer.KindFailback, Site: "ottawa", Pace: fleet.PaceCohorts})
	lead(90 * time.Second)
	apply(steer.Command{Kind: steer.KindFailback, Site: "ottawa"}) // the rest waits
	lead(30 * time.Second)
	maintain(apply, lead, fail)
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "log.jsonl"), log.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "state.json"), []byte(indented(t, s)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// maintain works at one site after another: what fails is in maintenance, was before,
// and is after it.
func maintain(apply func(...steer.Command), lead func(time.Duration), fail func(fleet.SiteID, health.Status)) {
	hour, pass := fleet.Duration(time.Hour), []steer.Rule{steer.RuleOneAtATime, steer.RuleManualBack, steer.RuleTargetProven, steer.RuleMinSites, steer.RuleHeard}
	apply(steer.Command{Kind: steer.KindSilence, Site: "ottawa", Transport: fleet.TLS, Silence: &steer.SilenceChange{Switch: "ottawa-1"}, For: hour, Override: pass})
	apply(steer.Command{Kind: steer.KindSilence, Site: "ottawa", Silence: &steer.SilenceChange{Check: health.Options}, For: fleet.Duration(time.Minute), Override: pass})
	fail("ottawa", health.Down)
	lead(90 * time.Second)
	apply(steer.Command{Kind: steer.KindUnsilence, Target: "ottawa"})
	fail("ottawa", health.Up)
	lead(30 * time.Second)
	apply(steer.Command{Kind: steer.KindDrain, Site: "vancouver", Now: true, Maintenance: true, For: hour, Override: pass})
	fail("vancouver", health.Down)
	lead(30 * time.Second)
	apply(steer.Command{Kind: steer.KindUndrain, Site: "vancouver"})
	lead(30 * time.Second)
	apply(steer.Command{Kind: steer.KindSilence, Site: "calgary", For: hour})
	apply(steer.Command{Kind: steer.KindDrain, Site: "vancouver", Transport: fleet.UDP, Now: true, Maintenance: true, For: hour, Override: pass})
	fail("calgary", health.Down)
	lead(30 * time.Second)
}

// sinceVersion1 are commands of every kind, and with every field, that came after the
// first version.
func sinceVersion1(t *testing.T, now time.Time) []steer.Command {
	hour := fleet.Duration(time.Hour)
	concern := steer.Concern{Key: "capacity/calgary", Grade: "warning", Text: "calgary could not carry all", Since: now}
	word := steer.GateWord{Site: "calgary", Agent: "calgary", Reflex: []fleet.Transport{fleet.TLS}}
	pass := []steer.Rule{steer.RuleOneAtATime, steer.RuleManualBack, steer.RuleTargetProven, steer.RuleMinSites}
	return []steer.Command{
		{Kind: steer.KindLook, By: steer.AutomationOwner, Concerns: []steer.Concern{concern}},
		{Kind: steer.KindConcernAck, Concerns: []steer.Concern{concern}, For: hour},
		{Kind: steer.KindConcernUnack, Concerns: []steer.Concern{concern}},
		{Kind: steer.KindGateWord, By: steer.AutomationOwner, Site: "calgary", Gate: &word},
		{Kind: steer.KindQuarantine, Source: netip.MustParsePrefix("203.0.113.7/32"), For: hour},
		{Kind: steer.KindQuarantine, Source: netip.MustParsePrefix("203.0.113.8/32"), Site: "ottawa", For: fleet.Duration(time.Minute)},
		{Kind: steer.KindUnquarantine, Source: netip.MustParsePrefix("203.0.113.7/32")},
		addKey('a'), aboutKey(steer.KindKeyConfirm, 'a'),
		{Kind: steer.KindDrain, Site: "vancouver", Cohort: cohort(t, "5%"), For: fleet.Duration(3 * time.Minute), Override: pass},
		{Kind: steer.KindFailover, Site: "ottawa", Service: "west.voice.example.net", Transport: fleet.UDP, For: hour, Override: pass},
		{Kind: steer.KindFailover, Site: "ottawa", Service: "west.voice.example.net", Transport: fleet.TCP, Override: pass},
		{Kind: steer.KindFailover, Site: "ottawa", Service: "east.voice.example.net", Transport: fleet.TCP, For: fleet.Duration(2 * time.Minute), Override: pass},
		{Kind: steer.KindFloods, By: steer.AutomationOwner, Floods: []health.Flood{{Prefix: netip.MustParsePrefix("203.0.113.9/32"), Site: "calgary"}}},
		{Kind: steer.KindPush, Site: "ottawa", Push: &steer.Push{Count: 2, Devices: []string{"anna@west.voice.example.net"}}},
		{Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u2"}}, // given up
		{Kind: steer.KindBookSave, Role: steer.RoleAdmin, Book: &steer.SavedBook{Name: "nightly", Text: "name: nightly"}},
		{Kind: steer.KindIncidentDeclare, Incident: &steer.IncidentChange{Text: "callers hear nothing", Sites: []fleet.SiteID{"ottawa"}}},
		{Kind: steer.KindRunStart, Role: steer.RoleAdmin, Run: &steer.RunChange{Procedure: asking()}},
	}
}
