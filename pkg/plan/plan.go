package plan

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Format is the version of a saved plan.
const Format = 1

// Plan is what a command would do at one epoch.
type Plan struct {
	Format int       `json:"format"`
	Epoch  uint64    `json:"epoch"` // that the plan was made at; apply refuses another
	MadeAt time.Time `json:"made_at"`
	// Command is what apply proposes. Its ExpectEpoch is Epoch.
	Command steer.Command  `json:"command"`
	Refusal *steer.Refusal `json:"refusal,omitempty"` // the guard that would refuse it
	// Also are the guards that would refuse it if those before were overridden.
	Also    []steer.Refusal `json:"also,omitempty"`
	Records []RecordChange  `json:"records,omitempty"` // at once
	Gates   []GateChange    `json:"gates,omitempty"`   // at once
	Shares  []ShareChange   `json:"shares,omitempty"`  // when all steps are done
	Steps   []Step          `json:"steps,omitempty"`   // what follows by itself
	Horizon fleet.Duration  `json:"horizon"`           // until every old answer has run out
	// To95 is the time until 95 % of the phones that follow SRV have moved, where
	// any move.
	To95 fleet.Duration `json:"to_95,omitzero"`
	// Loads and Moved are given when the fleet file states loads.
	Loads []SiteLoad `json:"loads,omitempty"`
	Moved *Moved     `json:"moved,omitempty"`
	// Differences are what the softswitches answer differently that phones leave and
	// come to; NotCompared says for which that is not known. Who makes the plan asks
	// them: Make does not.
	Differences []Difference `json:"differences,omitempty"`
	NotCompared []string     `json:"not_compared,omitempty"`
	// Settings are what another fleet file changes in it.
	Settings []Setting `json:"settings,omitempty"`
	// Names says how many names are answered in another way. Touches is their number
	// where the policy wants it from who does not confirm at a terminal; else 0.
	Names   *steer.NameReach `json:"names,omitempty"`
	Touches int              `json:"touches,omitempty"`
	// Tenants says what happens to the tenants, for changes of their table.
	Tenants *steer.TenantReach `json:"tenants,omitempty"`
	// File is what a tenant import reads: its rows are not in the plan.
	File *File `json:"file,omitempty"`
}

// File is a file that a plan was made from.
type File struct {
	Path   string `json:"path"`   // absolute
	SHA256 string `json:"sha256"` // in hexadecimal
	Rows   int    `json:"rows"`
}

// RecordChange is one RRset before and after.
type RecordChange struct {
	Name      string   `json:"name"`
	Type      string   `json:"type"`
	TTLBefore uint32   `json:"ttl_before"` // seconds
	TTLAfter  uint32   `json:"ttl_after"`
	Before    []string `json:"before"`
	After     []string `json:"after"`
}

// GateChange is the rule of a gate before and after.
type GateChange struct {
	Site      fleet.SiteID    `json:"site"`
	Transport fleet.Transport `json:"transport"`
	// Service and Cohort are who it is about; without a service everyone. They
	// are for a gate that is open to others.
	Service fleet.ServiceID `json:"service,omitempty"`
	Cohort  fleet.Cohort    `json:"cohort,omitzero"`
	Before  string          `json:"before"`
	After   string          `json:"after"`
}

// ShareChange is how the new registrations of a service and transport spread
// over the sites, in per cent, before and after.
type ShareChange struct {
	Service fleet.ServiceID `json:"service"`
	// Cohort is whose registrations these are; empty is those of everyone, or
	// of everyone who is in none of the cohorts listed.
	Cohort    fleet.Cohort         `json:"cohort,omitzero"`
	Transport fleet.Transport      `json:"transport"`
	Before    map[fleet.SiteID]int `json:"before"`
	After     map[fleet.SiteID]int `json:"after"`
}

// Step is something that the leader will do by itself later.
type Step struct {
	After fleet.Duration `json:"after"` // since the command
	Text  string         `json:"text"`
}

// maxSteps bounds how far a plan looks ahead.
const maxSteps = 24

// Make plans a command against a State. A refusal by a guard is part of the
// plan, not an error; an error says that the command makes no sense as
// written (*steer.Invalid).
func Make(s steer.State, c steer.Command, now time.Time) (Plan, error) {
	c.At = now
	p := Plan{Format: Format, Epoch: s.Epoch, MadeAt: now, Command: c}
	p.Command.ExpectEpoch = s.Epoch
	p.Command.At = time.Time{}
	after, _, err := steer.Apply(s, c)
	if errors.As(err, &p.Refusal) {
		p.Also = refusedToo(s, c, p.Refusal)
		return p, nil
	}
	if err != nil {
		return Plan{}, err
	}
	if s.Tenants != after.Tenants {
		reach := steer.ReachOf(s, after)
		p.Tenants = &reach
		return p, nil // answers of services stay as they are
	}
	p.addNames(s, after)
	if s.Fleet != nil && s.Fleet != after.Fleet {
		if p.Settings, err = fleetDiff(s.Fleet, after.Fleet); err != nil {
			return Plan{}, err
		}
	}
	before := steer.Records(s)
	p.Records = diff(before, steer.Records(after))
	p.Gates = gateDiff(s, after)
	p.Horizon = horizon(before, p.Records)
	final := p.lookAhead(after, now)
	if p.Shares = shareDiff(s, final); len(p.Shares) > 0 {
		p.To95 = fleet.Duration(p.to95(s))
	}
	p.addLoads(s, final)
	return p, nil
}

// refusedToo asks the guards behind the first that refuses, one after the other,
// as far as they can be overridden.
func refusedToo(s steer.State, c steer.Command, last *steer.Refusal) (also []steer.Refusal) {
	for range steer.RuleDocs() {
		if last.Hard || slices.Contains(c.Override, last.Rule) {
			break
		}
		c.Override = append(slices.Clone(c.Override), last.Rule)
		var next *steer.Refusal
		if _, _, err := steer.Apply(s, c); !errors.As(err, &next) {
			break
		}
		also = append(also, *next)
		last = next
	}
	return also
}

func (p *Plan) addNames(before, after steer.State) {
	var reach steer.NameReach
	switch c := p.Command; {
	case before.Fleet == nil:
		return
	case c.Kind == steer.KindSetFleet:
		reach = steer.FleetReach(before, after)
	case c.Kind.Reaches():
		if reach = steer.ActReach(before, after, c); reach.Asked(before.Fleet.Policy) {
			p.Touches = reach.Touched
		}
	default:
		return
	}
	p.Names = &reach
}

// lookAhead runs the leader's policy forward in time, with the verdicts as
// they are now, until nothing is due any more.
func (p *Plan) lookAhead(s steer.State, start time.Time) steer.State {
	now := start
	for range maxSteps {
		due, ok := steer.NextDue(s, now)
		if !ok || due.Sub(start) > fleet.MaxForLimit {
			break
		}
		now = due
		for _, c := range steer.Decide(s, steer.Input{Now: now, Verdicts: s.Verdicts, Settled: true, Offset: p.Command.Offset}) {
			next, events, err := steer.Apply(s, c)
			if err != nil {
				continue
			}
			s = next
			if c.Kind == steer.KindDrainExpire || c.Kind == steer.KindOutExpire {
				p.addSteps(events, now.Sub(start))
				return s // what comes after the end is the next plan's
			}
			p.addSteps(events, now.Sub(start))
		}
	}
	return s
}

func (p *Plan) addSteps(events []steer.Event, after time.Duration) {
	for _, e := range events {
		p.Steps = append(p.Steps, Step{After: fleet.Duration(after), Text: e.Text})
	}
}

func diff(before, after srv.Zone) []RecordChange {
	keys := map[srv.Key]bool{}
	var order []srv.Key
	for _, z := range []srv.Zone{before, after} {
		for _, s := range z.Sets {
			if k := s.Key(); !keys[k] {
				keys[k] = true
				order = append(order, k)
			}
		}
	}
	slices.SortFunc(order, srv.Key.Compare)
	var out []RecordChange
	for _, k := range order {
		b, _ := before.Lookup(k.Name, k.Type)
		a, _ := after.Lookup(k.Name, k.Type)
		c := RecordChange{Name: k.Name, Type: k.Type.String(), TTLBefore: b.TTL, TTLAfter: a.TTL, Before: texts(b), After: texts(a)}
		if c.TTLBefore != c.TTLAfter || !slices.Equal(c.Before, c.After) {
			out = append(out, c)
		}
	}
	return out
}

func texts(s srv.RRset) []string {
	out := make([]string, len(s.Data))
	for i, d := range s.Data {
		out[i] = d.String()
	}
	return out
}

// horizon is how long a resolver may still hold an answer that changed.
func horizon(before srv.Zone, changes []RecordChange) fleet.Duration {
	var longest uint32
	for _, c := range changes {
		longest = max(longest, c.TTLBefore)
	}
	return fleet.Duration(time.Duration(longest) * time.Second)
}

func gateDiff(before, after steer.State) []GateChange {
	b, a := steer.GateStates(before), steer.GateStates(after)
	var out []GateChange
	if after.Fleet == nil {
		return nil
	}
	for _, site := range after.Fleet.SiteIDs() {
		for _, r := range a[site].Rules {
			old := b[site].Rule(r.Transport)
			if ruleText(old) != ruleText(r) {
				c := GateChange{Site: site, Transport: r.Transport, Before: ruleText(old), After: ruleText(r)}
				if len(r.Parts) > 0 {
					c.After += " but for a part"
				}
				out = append(out, c)
			}
			out = append(out, partDiff(site, old, r)...)
		}
	}
	return out
}

// What a gate does in the phases of a drain.
const (
	refusesRegister = "refuses REGISTER"
	refusesAll      = "refuses new work"
)

func ruleText(r steer.GateRule) string {
	if r.Mode == steer.GateDraining && r.PassInvite {
		return refusesRegister
	}
	if r.Mode == steer.GateDraining {
		return refusesAll
	}
	return r.Mode.String()
}

func shareDiff(before, after steer.State) []ShareChange {
	if before.Fleet == nil || after.Fleet == nil {
		return nil
	}
	var out []ShareChange
	for i := range after.Fleet.Services {
		svc := &after.Fleet.Services[i]
		old := before.Fleet.Service(svc.Name)
		if old == nil {
			continue
		}
		for _, pair := range common(steer.Parts(before, old), steer.Parts(after, svc)) {
			for _, t := range svc.Transports {
				c := ShareChange{Service: svc.Name, Cohort: pair.cohort, Transport: t, Before: Shares(pair.before[t]), After: Shares(pair.after[t])}
				if !sameShares(c.Before, c.After) {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// pair is what some tenants are answered before and after.
type pair struct {
	cohort        fleet.Cohort // empty for those of the service's own name
	before, after map[fleet.Transport][]steer.Target
}

// common parts the tenants of a service so that each part is answered alike,
// before and after.
func common(before, after []steer.Part) []pair {
	var out []pair
	for _, b := range before {
		for _, a := range after {
			c := b.Cohort.And(a.Cohort)
			if c.IsZero() {
				continue
			}
			if c.Has(fleet.OwnName) {
				c = fleet.Cohort{}
			}
			out = append(out, pair{c, b.Answers, a.Answers})
		}
	}
	return out
}

// Shares is how clients that follow RFC 2782 spread over the targets of the
// best priority, in per cent.
func Shares(targets []steer.Target) map[fleet.SiteID]int {
	out := map[fleet.SiteID]int{}
	total := 0
	for _, t := range targets {
		if t.Priority == targets[0].Priority {
			total += int(t.Weight)
		}
	}
	for _, t := range targets {
		if t.Priority == targets[0].Priority && total > 0 {
			out[t.Site] += 100 * int(t.Weight) / total
		}
	}
	return out
}

func sameShares(a, b map[fleet.SiteID]int) bool {
	return sharesText(a) == sharesText(b)
}

// sharesText prints shares in the order of the site names.
func sharesText(m map[fleet.SiteID]int) string {
	var b strings.Builder
	for _, site := range slices.Sorted(maps.Keys(m)) {
		b.WriteString(string(site))
		b.WriteByte(' ')
		b.WriteString(percent(m[site]))
		b.WriteString("  ")
	}
	return strings.TrimSpace(b.String())
}
