package steer_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// model plays random operators, failures and time against the core, and checks
// the rules that must hold after every single command.
type model struct {
	now      time.Time
	state    steer.State
	verdicts []health.Verdict
	loud     []steer.LoudSource
}

func newModel() *model {
	m := &model{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), state: steer.New()}
	f := fleettest.ThreeSites()
	m.state, _, _ = steer.Apply(m.state, steer.Command{Version: 1, Kind: steer.KindSetFleet, At: m.now, By: "init", Fleet: &f})
	for _, s := range f.Sites {
		for _, sw := range s.Softswitches {
			for _, l := range sw.Listeners {
				c := health.Check{Target: health.Target{Site: s.Name, Switch: sw.Name, Transport: l.Transport}, Kind: health.Options}
				m.verdicts = append(m.verdicts, health.Verdict{Check: c, Status: health.Up, Since: m.now})
			}
		}
	}
	slices.SortFunc(m.verdicts, func(a, b health.Verdict) int { return a.Check.Compare(b.Check) })
	return m
}

// withTenants gives both services tenants, so that cohorts mean something.
func (m *model) withTenants(t *rapid.T) *model {
	rows := steer.TenantRows([]fleet.TenantChange{
		{Domain: "acme.voice.example.net", Service: "west.voice.example.net"}, {Domain: "globex.voice.example.net", Service: "east.voice.example.net"},
	}, 1<<20)
	for _, c := range []steer.Command{
		{Version: 1, Kind: steer.KindTenantStage, At: m.now, By: "init", Reason: "test", Tenants: &steer.TenantChange{Upload: "u", Rows: rows[0]}},
		{Version: 1, Kind: steer.KindTenantCommit, At: m.now, By: "init", Reason: "test", Tenants: &steer.TenantChange{Upload: "u", Part: 1}},
	} {
		var err error
		if m.state, _, err = steer.Apply(m.state, c); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// buckets are those to look at: the devices without a tenant, the first, and
// any.
func (m *model) buckets(t *rapid.T) []int {
	return []int{fleet.OwnName, 0, rapid.IntRange(0, fleet.Cohorts-1).Draw(t, "bucket")}
}

var (
	anySite      = rapid.SampledFrom([]fleet.SiteID{"calgary", "ottawa", "vancouver"})
	anyService   = rapid.SampledFrom([]fleet.ServiceID{"", "", "west.voice.example.net", "east.voice.example.net"})
	anyTransport = rapid.SampledFrom([]fleet.Transport{0, 0, fleet.UDP, fleet.TCP, fleet.TLS})
	anyKind      = rapid.SampledFrom([]steer.Kind{steer.KindDrain, steer.KindUndrain, steer.KindFailover, steer.KindFailback, steer.KindHold, steer.KindRelease, steer.KindAck, steer.KindSilence, steer.KindUnsilence})
	anyOverride  = rapid.SliceOfN(rapid.SampledFrom([]steer.Rule{steer.RuleMinSites, steer.RuleOneAtATime, steer.RuleTargetProven, steer.RuleCapacity, steer.RuleManualBack, steer.RuleNeverEmpty, steer.RuleExpires, steer.RuleHeard}), 0, 4)
	anyCohort    = rapid.SampledFrom([]string{"", "", "", "5%", "0-29", "20-70", "99", "0-49,own", "own"})
	anyPace      = rapid.SampledFrom([]fleet.Pace{"", "", fleet.PaceCohorts, fleet.PaceWeights})
	anyStatus    = rapid.SampledFrom([]health.Status{health.Up, health.Down, health.Unknown})
)

func (m *model) command(t *rapid.T) steer.Command {
	var cohort fleet.Cohort
	if text := anyCohort.Draw(t, "cohort"); text != "" {
		cohort, _ = fleet.ParseCohort(text)
	}
	kind := anyKind.Draw(t, "kind")
	var pace fleet.Pace
	if kind == steer.KindFailback || kind == steer.KindUndrain {
		pace = anyPace.Draw(t, "pace")
	}
	c := steer.Command{
		Cohort: cohort, Pace: pace,
		Kind: kind, At: m.now, By: rapid.SampledFrom([]string{"alice", "bob", ""}).Draw(t, "by"),
		Reason: rapid.SampledFrom([]string{"because", "because", ""}).Draw(t, "reason"),
		For:    fleet.Duration(time.Duration(rapid.IntRange(0, 80).Draw(t, "hours")) * time.Hour),
		Site:   anySite.Draw(t, "site"), Service: anyService.Draw(t, "service"), Transport: anyTransport.Draw(t, "transport"),
		Now: rapid.Bool().Draw(t, "now"), Override: anyOverride.Draw(t, "override"),
	}
	c.Target = string(c.Site) // of unsilence
	c.Maintenance = kind == steer.KindDrain && rapid.Bool().Draw(t, "maintenance")
	c.Version = c.Needs()
	return c
}

// step applies one command and checks every rule.
func (m *model) step(t *rapid.T, c steer.Command) error {
	before := m.state
	frozen := mustJSON(t, before)
	next, events, err := steer.Apply(before, c)
	if again, events2, err2 := steer.Apply(before, c); !reflect.DeepEqual(next, again) || !reflect.DeepEqual(events, events2) || (err == nil) != (err2 == nil) {
		t.Fatalf("the same command on the same State gave two results")
	}
	if mustJSON(t, before) != frozen {
		t.Fatalf("%s wrote into the State that it was given", c.Kind)
	}
	m.state = next
	m.neverEmpty(t)
	m.epochForward(t, before)
	m.expires(t)
	m.callsSurvive(t)
	m.oneAtATime(t, before, c)
	m.manualBack(t, before, c)
	m.perTransport(t, before, c)
	m.oneSource(t, before, c)
	m.namesFade(t, before)
	if err != nil && c.Kind != steer.KindVerdicts {
		m.refusedChangesNothing(t, before, c, err)
	}
	return err
}

func (m *model) neverEmpty(t *rapid.T) {
	zone := steer.Records(m.state)
	if err := zone.Check(); err != nil {
		t.Fatalf("never-empty: %v", err)
	}
	for _, bucket := range m.buckets(t) {
		standings := steer.StandingsFor(m.state, bucket)
		for i := range m.state.Fleet.Services {
			svc := &m.state.Fleet.Services[i]
			for _, tr := range svc.Transports {
				if !slices.ContainsFunc(standings, func(s steer.Standing) bool {
					return s.Service == svc.Name && s.Transport == tr && s.Place != steer.Gone
				}) {
					t.Fatalf("never-empty: %s over %s lost its last site for bucket %d", svc.Name, tr, bucket)
				}
			}
		}
	}
}

func (m *model) epochForward(t *rapid.T, before steer.State) {
	if m.state.Epoch < before.Epoch || m.state.Epoch > before.Epoch+1 {
		t.Fatalf("epoch-forward: %d after %d", m.state.Epoch, before.Epoch)
	}
	if m.state.Now.Before(before.Now) {
		t.Fatalf("time went back")
	}
	a, b := steer.Records(before), steer.Records(m.state)
	if m.state.Epoch == before.Epoch && !reflect.DeepEqual(a, b) {
		t.Fatalf("epoch-forward: other records under the same epoch %d", before.Epoch)
	}
	if m.state.Epoch == before.Epoch && !reflect.DeepEqual(steer.GateStates(before), steer.GateStates(m.state)) {
		t.Fatalf("epoch-forward: other gates under the same epoch %d", before.Epoch)
	}
}

func (m *model) expires(t *rapid.T) {
	for _, d := range m.state.Drains {
		if d.Owner == "" || d.Reason == "" || d.Until.Sub(m.state.Now) > fleet.MaxForLimit || !d.Until.After(d.Since) {
			t.Fatalf("expires: drain %+v", d)
		}
	}
	for _, o := range m.state.Outs {
		if o.By == "" || o.Reason == "" || o.Until.Sub(m.state.Now) > fleet.MaxForLimit || o.Stays != "" && o.Until.After(m.state.Now) {
			t.Fatalf("expires: out %+v", o)
		}
	}
	for _, h := range m.state.Holds {
		if h.Owner == "" || h.Reason == "" || h.Until.Sub(h.Since) > fleet.MaxForLimit {
			t.Fatalf("expires: hold %+v", h)
		}
	}
	for _, s := range m.state.Silences {
		if s.Owner == "" || s.Reason == "" || s.Until.Sub(s.Since) > fleet.MaxForLimit {
			t.Fatalf("expires: silence %+v", s)
		}
	}
}

// callsSurvive: no decision closes a gate, and a site that is still answered
// is never refused.
func (m *model) callsSurvive(t *rapid.T) {
	gates := steer.GateStates(m.state)
	for _, site := range m.state.Fleet.SiteIDs() {
		for _, r := range gates[site].Rules {
			if r.Mode == steer.GateClosed {
				t.Fatalf("calls-survive: %s %s closed by decision", site, r.Transport)
			}
			for i := range m.state.Fleet.Services {
				for _, target := range steer.Answers(m.state, &m.state.Fleet.Services[i])[r.Transport] {
					if target.Site == site && r.Mode != steer.GateOpen {
						t.Fatalf("%s is answered over %s and refuses there", site, r.Transport)
					}
				}
			}
		}
	}
}

func sitesOut(s steer.State) map[fleet.SiteID]bool {
	out := map[fleet.SiteID]bool{}
	for _, o := range s.Outs {
		out[o.Site] = true
	}
	for _, d := range s.Drains {
		out[d.Site] = true
	}
	return out
}

// oneAtATime: what automation takes out never makes a second site, and nobody
// makes one without naming the rule.
func (m *model) oneAtATime(t *rapid.T, before steer.State, c steer.Command) {
	was, is := sitesOut(before), sitesOut(m.state)
	if len(is) <= len(was) || len(is) <= m.state.Fleet.Policy.MaxSitesOut {
		return
	}
	if c.Kind != steer.KindDrain && c.Kind != steer.KindFailover || !slices.Contains(c.Override, steer.RuleOneAtATime) {
		t.Fatalf("one-at-a-time: %s by %s made it %d sites", c.Kind, c.By, len(is))
	}
}

// manualBack: what is out comes back only by a person, by the end of a drain,
// or by the steps of a failback that one of these began.
func (m *model) manualBack(t *rapid.T, before steer.State, c steer.Command) {
	switch c.Kind {
	case steer.KindFailback, steer.KindUndrain, steer.KindFailbackStep, steer.KindDrainExpire, steer.KindOutExpire:
		return
	}
	if lessOut(m.state, before) || len(m.state.Failbacks) > len(before.Failbacks) {
		t.Fatalf("manual-back: %s by %s brought something back", c.Kind, c.By)
	}
}

// namesFade: a name that answered for a cohort answers for as long as resolvers
// may lead phones to it.
func (m *model) namesFade(t *rapid.T, before steer.State) {
	was, is := steer.Records(before), steer.Records(m.state)
	kept := func(owner string) {
		if _, ok := is.Lookup(owner, srv.TypeNAPTR); !ok {
			t.Fatalf("%s is gone while phones may be led to it", owner)
		}
	}
	for _, c := range was.Cohorts {
		kept(c.Owner)
	}
	for _, f := range before.Fading {
		if f.Until.After(m.state.Now) {
			kept(srv.CohortOwner(f.Service, f.Bucket))
		}
	}
}

// lessOut reports whether any bucket has a slot back.
func lessOut(now, before steer.State) bool {
	return slices.ContainsFunc(before.Outs, func(o steer.Out) bool { return !outFor(before, o.Slot).Without(outFor(now, o.Slot)).IsZero() })
}

// outFor is for whom a slot is out.
func outFor(s steer.State, slot steer.Slot) (c fleet.Cohort) {
	for _, o := range s.Outs {
		if o.Slot == slot && o.Cohort.IsZero() {
			return fleet.Everyone()
		}
		if o.Slot == slot {
			c = c.Or(o.Cohort)
		}
	}
	return c
}

// perTransport: a withdrawal takes out only transports that are down.
func (m *model) perTransport(t *rapid.T, before steer.State, c steer.Command) {
	if c.Kind != steer.KindWithdraw {
		return
	}
	for _, o := range m.state.Outs {
		if !slices.Contains(before.Outs, o) && before.SiteStatus(o.Site, o.Transport) != health.Down {
			t.Fatalf("per-transport: %s went out while it is %s", o.Slot, before.SiteStatus(o.Site, o.Transport))
		}
	}
}

// oneSource: automation takes nothing out while one source floods a failing check
// there and one at another site. This is said anew, from the State alone: who is
// flooded, and when its check went down.
func (m *model) oneSource(t *rapid.T, before steer.State, c steer.Command) {
	if c.Kind != steer.KindWithdraw {
		return
	}
	window := before.Fleet.Policy.CommonCauseWindow.D()
	hit := func(f health.Flood, v health.Verdict) bool {
		if v.Status != health.Down || v.Check.Site != f.Site || v.Maintenance != health.NoMaintenance {
			return false
		}
		began, ended := f.Since, m.state.Now
		if !f.Over.IsZero() {
			ended = f.Over
		}
		return v.Since.Sub(began) >= -window && v.Since.Sub(ended) <= window
	}
	for _, o := range m.state.Outs {
		if slices.Contains(before.Outs, o) {
			continue
		}
		for _, f := range before.Floods {
			for _, g := range before.Floods {
				if f.Prefix != g.Prefix || f.Site != o.Site || g.Site == o.Site {
					continue
				}
				mine := slices.ContainsFunc(before.Verdicts, func(v health.Verdict) bool { return hit(f, v) && v.Check.Transport == o.Transport })
				theirs := slices.ContainsFunc(before.Verdicts, func(v health.Verdict) bool { return hit(g, v) })
				if mine && theirs {
					t.Fatalf("common-cause: %s was taken out while %s floods it and %s", o.Slot, f.Prefix, g.Site)
				}
			}
		}
	}
}

func (m *model) refusedChangesNothing(t *rapid.T, before steer.State, c steer.Command, err error) {
	var refusal *steer.Refusal
	if errors.As(err, &refusal) && (refusal.Rule == "" || refusal.Value == "" || refusal.Limit == "" || refusal.Next == "" || refusal.Text == "") {
		t.Fatalf("a refusal must name rule, value, limit and next command: %+v", refusal)
	}
	a, b := before, m.state
	a.Revision, a.Now, a.Events = b.Revision, b.Now, b.Events
	a.Incidents, b.Incidents = withoutStory(a.Incidents), withoutStory(b.Incidents) // a refusal is part of it
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("%s was refused (%v) and changed the State", c.Kind, err)
	}
}

func withoutStory(list []steer.Incident) []steer.Incident {
	out := slices.Clone(list)
	for i := range out {
		out[i].Timeline, out[i].Omitted = nil, 0
	}
	return out
}

// fail draws another verdict for a site, or one of its transports.
func (m *model) fail(t *rapid.T) {
	site, tr, st := anySite.Draw(t, "site"), anyTransport.Draw(t, "transport"), anyStatus.Draw(t, "status")
	cause := rapid.SampledFrom([]health.Cause{health.CauseTimeout, health.CauseRefused, health.CauseAuth}).Draw(t, "cause")
	m.verdicts = slices.Clone(m.verdicts)
	for i := range m.verdicts {
		if v := &m.verdicts[i]; v.Check.Site == site && (tr == 0 || v.Check.Transport == tr) && v.Status != st {
			v.Status, v.Since, v.Cause = st, m.now, health.CauseNone
			if st == health.Down {
				v.Cause = cause
			}
		}
	}
}

// flood draws what the gates find loud.
func (m *model) flood(t *rapid.T) {
	m.loud = nil
	for _, site := range m.state.Fleet.SiteIDs() {
		for _, source := range []string{"203.0.113.7/32", "2001:db8::/64"} {
			if rapid.Bool().Draw(t, "loud") {
				m.loud = append(m.loud, loudAt(site, source)...)
			}
		}
	}
}

// decide plays the leader and checks that its policy comes to rest.
func (m *model) decide(t *rapid.T) {
	in := steer.Input{Now: m.now, Verdicts: m.verdicts, Settled: true, Loud: m.loud}
	cmds := steer.Decide(m.state, in)
	for i, c := range cmds {
		// One who begins here, and knows nothing of what came before, goes on in
		// the same way.
		if rest := steer.Decide(m.state, in); !reflect.DeepEqual(rest, cmds[i:]) {
			t.Fatalf("begun again after %d of %d commands, other ones follow:\n%+v\n%+v", i, len(cmds), rest, cmds[i:])
		}
		if err := m.step(t, c); err != nil {
			t.Fatalf("Decide proposed what Apply refuses: %s: %v", c.Kind, err)
		}
	}
	if again := steer.Decide(m.state, in); len(again) > 0 {
		t.Fatalf("Decide proposes %s again and again", again[0].Kind)
	}
	if late := steer.Overdue(m.state, m.now); late != "" {
		t.Fatalf("expires: nobody ended %s", late)
	}
}

func mustJSON(t *rapid.T, s steer.State) string {
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRulesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel().withTenants(t)
		m.decide(t)
		t.Repeat(map[string]func(*rapid.T){
			"operator": func(t *rapid.T) {
				_ = m.step(t, m.command(t)) // a refusal is fine; step checks what it left behind
				m.decide(t)
			},
			"verdict": func(t *rapid.T) {
				m.fail(t)
				m.decide(t)
			},
			"flood": func(t *rapid.T) {
				m.flood(t)
				m.decide(t)
			},
			"time": func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(1, 7200).Draw(t, "seconds")) * time.Second)
				m.decide(t)
			},
			"restart": func(t *rapid.T) { // a snapshot holds everything that counts
				var back steer.State
				if err := json.Unmarshal([]byte(mustJSON(t, m.state)), &back); err != nil {
					t.Fatal(err)
				}
				if a, b := mustJSON(t, m.state), mustJSON(t, back); a != b {
					t.Fatalf("a State changed on its way through a snapshot:\n%s\n%s", a, b)
				}
				m.state = back
			},
		})
	})
}

// TestMixedVersions: a replica that meets a newer command stops, since to skip
// it would split the replicas.
func TestMixedVersions(t *testing.T) {
	if _, err := steer.Decode([]byte(`[{"v":99,"kind":"drain"}]`)); !errors.Is(err, steer.ErrUnknownCommand) {
		t.Errorf("newer version: %v", err)
	}
	m := newModel()
	if _, _, err := steer.Apply(m.state, steer.Command{Version: 1, Kind: "teleport"}); !errors.Is(err, steer.ErrUnknownCommand) {
		t.Errorf("unknown kind: %v", err)
	}
	if _, err := steer.Decode([]byte(`{`)); !errors.Is(err, steer.ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
}
