package steer_test

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

var update = flag.Bool("update", false, "write docs/guards.md anew")

// guarded is the three-site fleet at noon, all up, with what a case adds.
type guarded struct {
	t   *testing.T
	f   fleet.Fleet
	s   steer.State
	now time.Time
	// offset is that of the policy's time zone.
	offset int
}

func newGuarded(t *testing.T, change func(*fleet.Fleet)) *guarded {
	t.Helper()
	g := &guarded{t: t, f: fleettest.ThreeSites(), now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	if change != nil {
		change(&g.f)
	}
	g.s = steer.New()
	g.must(steer.Command{Kind: steer.KindSetFleet, Fleet: &g.f})
	for _, site := range g.f.SiteIDs() {
		g.verdict(site, 0, health.Up, "")
	}
	return g
}

func (g *guarded) apply(c steer.Command) error {
	c.Version, c.At, c.Offset = 1, g.now, g.offset
	if c.By == "" {
		c.By = "alice"
	}
	if c.Reason == "" {
		c.Reason = "because"
	}
	var err error
	g.s, _, err = steer.Apply(g.s, c)
	return err
}

func (g *guarded) must(c steer.Command) {
	g.t.Helper()
	if err := g.apply(c); err != nil {
		g.t.Fatalf("%s %s: %v", c.Kind, c.Site, err)
	}
}

// verdict sets every check of a site, or of one of its transports.
func (g *guarded) verdict(site fleet.SiteID, t fleet.Transport, status health.Status, cause health.Cause) {
	g.t.Helper()
	var vs []health.Verdict
	for _, sw := range g.f.Site(site).Softswitches {
		for _, l := range sw.Listeners {
			if t == 0 || t == l.Transport {
				c := health.Check{Target: health.Target{Site: site, Switch: sw.Name, Transport: l.Transport}, Kind: health.Options}
				vs = append(vs, health.Verdict{Check: c, Status: status, Cause: cause, Since: g.now})
			}
		}
	}
	slices.SortFunc(vs, func(a, b health.Verdict) int { return a.Check.Compare(b.Check) })
	g.must(steer.Command{Kind: steer.KindVerdicts, By: steer.AutomationOwner, Verdicts: vs})
}

func (g *guarded) down(site fleet.SiteID) { g.verdict(site, 0, health.Down, health.CauseTimeout) }

// withdraw is what automation would propose for a site's UDP of west.
func withdraw(site fleet.SiteID) steer.Command {
	return steer.Command{Kind: steer.KindWithdraw, By: steer.AutomationOwner, Site: site, Slots: []steer.Slot{{Service: "west.voice.example.net", Site: site, Transport: fleet.UDP}}}
}

func hourDrain(site fleet.SiteID) steer.Command {
	return steer.Command{Kind: steer.KindDrain, Site: site, For: fleet.Duration(time.Hour)}
}

// guardCase is a State in which exactly one guard refuses a command, and a
// change of that State after which it does not.
type guardCase struct {
	rule    steer.Rule
	fleet   func(*fleet.Fleet)
	before  func(*guarded)
	command steer.Command
	cure    func(*guarded) // nil: an override is the only way, or there is none
	other   *steer.Command // instead of a cure: a command that is right
}

func guardCases() []guardCase {
	hours := func(h int) fleet.Duration { return fleet.Duration(time.Duration(h) * time.Hour) }
	right := hourDrain("calgary")
	return []guardCase{
		{rule: steer.RuleStalePlan, command: steer.Command{Kind: steer.KindDrain, Site: "calgary", For: hours(1), ExpectEpoch: 99}, other: &right},
		{rule: steer.RuleExpires, command: steer.Command{Kind: steer.KindDrain, Site: "calgary", For: hours(73)}, other: &right},
		{
			rule: steer.RuleNeverEmpty, fleet: func(f *fleet.Fleet) { f.Services[1].Sites = []fleet.SiteID{"calgary"} },
			command: steer.Command{Kind: steer.KindDrain, Site: "calgary", For: hours(1), Override: []steer.Rule{steer.RuleNeverEmpty}},
			other:   &steer.Command{Kind: steer.KindDrain, Site: "calgary", Service: "west.voice.example.net", For: hours(1)},
		},
		{rule: steer.RuleMinSites, fleet: func(f *fleet.Fleet) { f.Policy.MinSites = 3 }, command: right},
		{
			rule: steer.RuleTargetProven, command: withdraw("calgary"),
			before: func(g *guarded) {
				g.verdict("ottawa", 0, health.Unknown, "")
				g.verdict("vancouver", 0, health.Unknown, "")
				g.down("calgary")
			},
			cure: func(g *guarded) { g.verdict("vancouver", 0, health.Up, "") },
		},
		{
			rule: steer.RuleFateGroup, command: withdraw("calgary"),
			fleet: func(f *fleet.Fleet) {
				f.Sites[0].FateGroups = []string{"storage-west"}
				f.Sites[2].FateGroups = []string{"carrier", "storage-west"}
			},
			before: func(g *guarded) { g.verdict("ottawa", 0, health.Unknown, ""); g.down("calgary") },
			cure:   func(g *guarded) { g.verdict("ottawa", 0, health.Up, "") },
		},
		{
			rule: steer.RuleOneAtATime, before: func(g *guarded) { g.must(hourDrain("ottawa")) }, command: right,
			cure: func(g *guarded) { g.must(steer.Command{Kind: steer.KindUndrain, Site: "ottawa", Now: true}) },
		},
		{
			rule: steer.RuleCapacity, command: right,
			fleet: func(f *fleet.Fleet) {
				f.Services[0].Load.Registrations, f.Services[1].Load.Registrations = 600, 500
				for i := range f.Sites {
					f.Sites[i].Capacity.Registrations = 590
				}
			},
		},
		{
			rule: steer.RuleManualBack, command: steer.Command{Kind: steer.KindFailback, Site: "calgary"},
			before: func(g *guarded) {
				g.down("calgary")
				g.must(steer.Command{Kind: steer.KindFailover, Site: "calgary"})
				g.now = g.now.Add(time.Hour)
			},
			cure: func(g *guarded) { g.verdict("calgary", 0, health.Up, "") },
		},
		{
			rule: steer.RuleFailbackTime, command: steer.Command{Kind: steer.KindFailback, Site: "calgary"},
			fleet: func(f *fleet.Fleet) { f.Policy.Failback.Windows = []string{"daily 14:00-15:00"} },
			before: func(g *guarded) {
				g.down("calgary")
				g.must(steer.Command{Kind: steer.KindFailover, Site: "calgary"})
				g.verdict("calgary", 0, health.Up, "")
				g.now = g.now.Add(time.Hour)
			},
			cure: func(g *guarded) { g.now = g.now.Add(time.Hour) },
		},
		{
			rule: steer.RuleHold, command: withdraw("calgary"),
			before: func(g *guarded) { g.must(steer.Command{Kind: steer.KindHold, For: hours(1)}); g.down("calgary") },
			cure:   func(g *guarded) { g.must(steer.Command{Kind: steer.KindRelease}) },
		},
		{
			rule: steer.RuleAdvise, command: withdraw("calgary"), fleet: func(f *fleet.Fleet) { f.Services[0].Automation = fleet.AutomationAdvise },
			before: func(g *guarded) { g.down("calgary") },
			cure: func(g *guarded) {
				f := g.f
				f.Services = slices.Clone(f.Services)
				f.Services[0].Automation = fleet.AutomationAct
				g.must(steer.Command{Kind: steer.KindSetFleet, Fleet: &f})
			},
		},
		{
			rule: steer.RuleBlock, command: withdraw("ottawa"),
			before: func(g *guarded) {
				g.down("calgary")
				g.must(withdraw("calgary"))
				g.verdict("calgary", 0, health.Up, "")
				g.now = g.now.Add(10 * time.Minute)
				g.must(steer.Command{Kind: steer.KindFailback, Site: "calgary", Service: "east.voice.example.net"}) // nothing is out there
				g.bringBack("calgary")
				g.down("ottawa")
			},
			cure: func(g *guarded) { g.must(steer.Command{Kind: steer.KindAck}) },
		},
		{
			rule: steer.RuleMoveLimit, command: withdraw("ottawa"), fleet: func(f *fleet.Fleet) { f.Policy.MaxMovesPerHour = 1 },
			before: func(g *guarded) {
				g.down("calgary")
				g.must(withdraw("calgary"))
				g.verdict("calgary", 0, health.Up, "")
				g.now = g.now.Add(10 * time.Minute)
				g.must(steer.Command{Kind: steer.KindFailback, Site: "calgary", Now: true})
				g.down("ottawa")
			},
			cure: func(g *guarded) { g.now = g.now.Add(51 * time.Minute) },
		},
		{
			rule: steer.RuleCommonCause, command: withdraw("calgary"),
			before: func(g *guarded) {
				g.down("calgary")
				g.verdict("ottawa", fleet.UDP, health.Down, health.CauseTimeout)
			},
			cure: func(g *guarded) {
				g.verdict("ottawa", 0, health.Up, "")
				g.verdict("calgary", 0, health.Up, "")
				g.now = g.now.Add(time.Hour)
				g.down("calgary")
			},
		},
		{
			rule: steer.RuleReach, command: steer.Command{Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "u", Part: 1}},
			before: func(g *guarded) {
				if err := g.importTenants(tenantRows(120, "west"), steer.TenantChange{}); err != nil {
					g.t.Fatal(err)
				}
				g.must(steer.Command{Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u", Rows: steer.TenantRows(tenantRows(110, "east"), 1<<20)[0]}})
			},
			other: &steer.Command{Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "u", Part: 1, Touches: 110}},
		},
		{
			rule: steer.RuleKeyWait, command: steer.Command{Kind: steer.KindKeyConfirm, Key: &steer.KeyChange{Tag: keyTag(1)}},
			before: func(g *guarded) { g.must(addKey(1)) },
			cure:   func(g *guarded) { g.step(2 * time.Hour) },
		},
		{
			rule: steer.RuleKeyTrust, command: steer.Command{Kind: steer.KindKeyDrop, Key: &steer.KeyChange{Tag: keyTag(1)}},
			before: func(g *guarded) {
				g.must(addKey(1))
				g.step(2 * time.Hour)
			},
		},
		{
			rule: steer.RuleStillDown, command: steer.Command{Kind: steer.KindIncidentResolve},
			before: func(g *guarded) { g.down("calgary") },
			cure:   func(g *guarded) { g.verdict("calgary", 0, health.Up, "") },
		},
		{
			rule: steer.RuleOneRun, command: steer.Command{Kind: steer.KindRunStart, Run: &steer.RunChange{Procedure: asking()}},
			before: func(g *guarded) { g.startRun() },
			cure: func(g *guarded) {
				g.must(steer.Command{Kind: steer.KindRunAbort, Run: &steer.RunChange{ID: g.s.Runs[0].ID}})
			},
		},
		{
			rule: steer.RuleApproval, command: steer.Command{Kind: steer.KindRunApprove, Run: &steer.RunChange{ID: "run-5", Step: "agree"}},
			before: func(g *guarded) {
				g.startRun()
				id := g.s.Runs[0].ID
				g.must(steer.Command{Kind: steer.KindRunMove, By: steer.AutomationOwner, Run: &steer.RunChange{ID: id, Step: "agree", To: steer.MoveBegin}})
				g.must(steer.Command{Kind: steer.KindRunApprove, Run: &steer.RunChange{ID: id, Step: "agree"}})
			},
			other: &steer.Command{Kind: steer.KindRunApprove, By: "bob", Run: &steer.RunChange{ID: "run-5", Step: "agree"}},
		},
		{
			rule: steer.RuleRole, command: steer.Command{Kind: steer.KindRunStart, Role: steer.RoleOperator, Run: &steer.RunChange{Procedure: forAdmins()}},
			other: &steer.Command{Kind: steer.KindRunStart, Role: steer.RoleAdmin, Run: &steer.RunChange{Procedure: forAdmins()}},
		},
		{
			rule: steer.RuleOwnSites, command: steer.Command{Kind: steer.KindQuarantine, Source: netip.PrefixFrom(fleettest.ThreeSites().Sites[0].Addresses[0], 24).Masked(), For: fleet.Duration(time.Hour)},
			other: &steer.Command{Kind: steer.KindQuarantine, Source: netip.MustParsePrefix("203.0.113.0/24"), For: fleet.Duration(time.Hour)},
		},
		{
			rule: steer.RuleIsolate, command: steer.Command{Kind: steer.KindQuarantine, By: steer.AutomationOwner, Source: netip.MustParsePrefix("203.0.113.7/32"), For: fleet.Duration(time.Hour)},
			other: &steer.Command{Kind: steer.KindQuarantine, Source: netip.MustParsePrefix("203.0.113.7/32"), For: fleet.Duration(time.Hour)},
		},
		{
			rule: steer.RuleCallsSurvive, command: steer.Command{Kind: steer.KindPush, Site: "calgary", Push: &steer.Push{Count: 2, Calls: 1}},
			other: &steer.Command{Kind: steer.KindPush, Site: "calgary", Push: &steer.Push{Count: 2}},
		},
		{
			rule: steer.RuleHeard, command: steer.Command{Kind: steer.KindSilence, Site: "vancouver", For: fleet.Duration(time.Hour)},
			before: func(g *guarded) {
				g.must(emptied("ottawa"))
				g.must(steer.Command{Kind: steer.KindSilence, Site: "calgary", For: fleet.Duration(time.Hour)})
			},
			cure: func(g *guarded) { g.must(steer.Command{Kind: steer.KindUnsilence, Target: "calgary"}) },
		},
		{
			rule: steer.RuleDrillWindow, command: steer.Command{Kind: steer.KindRunStart, Run: &steer.RunChange{Procedure: &steer.Procedure{Book: steer.DrillBook, Steps: []steer.Step{{ID: "a", Do: steer.ActManual}}}}},
			fleet: func(f *fleet.Fleet) { f.Policy.DrillBlocked = []string{"daily 11:00-13:00"} },
			cure:  func(g *guarded) { g.now = g.now.Add(2 * time.Hour) },
		},
	}
}

// asking is a runbook at calgary that two people have to agree to.
func asking() *steer.Procedure {
	return &steer.Procedure{Book: "ask", Sites: []fleet.SiteID{"calgary"}, Steps: []steer.Step{{ID: "agree", Do: steer.ActApprove, Text: "go?", People: 2}}}
}

// forAdmins is a runbook with a step that needs an admin.
func forAdmins() *steer.Procedure {
	return &steer.Procedure{Book: "ask", Sites: []fleet.SiteID{"calgary"}, Steps: []steer.Step{{ID: "out", Do: steer.ActDrain, Site: "calgary", Role: steer.RoleAdmin}}}
}

func (g *guarded) startRun() {
	g.t.Helper()
	g.must(steer.Command{Kind: steer.KindRunStart, Run: &steer.RunChange{Procedure: asking()}})
}

// bringBack ends what automation took out by the end of a drain, which does not
// lift the block as a failback does.
func (g *guarded) bringBack(site fleet.SiteID) {
	g.s.Outs = slices.DeleteFunc(slices.Clone(g.s.Outs), func(o steer.Out) bool { return o.Site == site })
}

// TestEveryGuardRefuses: for every guard a case in which it alone refuses, what
// ends the refusal, and whether its name passes it. A guard that is taken out
// fails here.
func TestEveryGuardRefuses(t *testing.T) {
	for _, doc := range steer.RuleDocs() {
		i := slices.IndexFunc(guardCases(), func(c guardCase) bool { return c.rule == doc.Rule })
		if i < 0 {
			t.Errorf("no case tries %s", doc.Rule)
			continue
		}
		tt := guardCases()[i]
		t.Run(string(doc.Rule), func(t *testing.T) {
			g := newGuarded(t, tt.fleet)
			if tt.before != nil {
				tt.before(g)
			}
			c := tt.command
			if c.Kind == steer.KindIncidentResolve {
				c.Incident = &steer.IncidentChange{ID: g.s.Incidents[0].ID, Cause: "found"}
			}
			before := g.s
			var r *steer.Refusal
			if err := g.apply(c); !errors.As(err, &r) || r.Rule != tt.rule {
				t.Fatalf("%s: %v, want a refusal by %s", c.Kind, err, tt.rule)
			}
			if r.Hard != doc.Hard && tt.rule != steer.RuleManualBack {
				t.Errorf("the refusal is hard: %v, the table says %v", r.Hard, doc.Hard)
			}
			if r.Text == "" || r.Value == "" || r.Limit == "" || r.Next == "" {
				t.Errorf("a refusal names value, limit and the next command: %+v", r)
			}
			if !doc.Hard && c.Kind != steer.KindWithdraw {
				g.s = before
				named := c
				named.Override = []steer.Rule{tt.rule}
				if err := g.apply(named); err != nil {
					t.Errorf("with --override %s: %v", tt.rule, err)
				}
			}
			g.s = before
			switch {
			case tt.cure != nil:
				tt.cure(g)
				if err := g.apply(c); err != nil {
					t.Errorf("after its cure: %v", err)
				}
			case tt.other != nil:
				if err := g.apply(*tt.other); err != nil {
					t.Errorf("the right command: %v", err)
				}
			}
		})
	}
}

// TestGuardsAreDocumented holds docs/guards.md current.
func TestGuardsAreDocumented(t *testing.T) {
	const path = "../../docs/guards.md"
	var b strings.Builder
	b.WriteString("# Guards\n\nThe rules that refuse a change, in the order in which they are asked. They are checked where the State changes, so nothing goes round them. A refusal names the rule, the value now, the limit and the command to type next. Generated from `steer.RuleDocs` (`go test ./pkg/steer -run TestGuardsAreDocumented -update`).\n\n| guard | what it says | `--override` |\n| --- | --- | --- |\n")
	for _, d := range steer.RuleDocs() {
		override := "`" + string(d.Rule) + "`"
		if d.Hard {
			override = "no"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", d.Rule, d.Sentence, override)
	}
	b.WriteString("\nTwo more are the leader's own, since they ask others and not the State: `sealing` (a key of the zone is made only when every agent can open it) and `parent` (what a person says of the zone above agrees with what all its name servers answer, where `dns.parent` says whom to ask). Both are passed by their names.\n")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != b.String() {
		t.Errorf("docs/guards.md is not current (%v): go test ./pkg/steer -run TestGuardsAreDocumented -update", err)
	}
}
