package steer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// Apply carries out one command and returns the new State and what happened.
// It is the only way that State changes, and yields the same on every machine.
//
// A refusal (*Refusal) or a command that makes no sense (*Invalid) leaves the
// State as it was but for its counters and, after a refusal, the event in the
// audit trail. ErrUnknownCommand means that this replica must stop.
func Apply(s State, c Command) (State, []Event, error) {
	t, err := apply(s, c, nil)
	return t.State, t.events, err
}

// apply is Apply for who may have a view of the State already. A transition that
// ends well leaves its own view of the State that it leads to, or none.
func apply(s State, c Command, seen *view) (*transition, error) {
	t := &transition{State: s, cmd: c}
	if c.ID != "" && slices.Contains(s.Seen, c.ID) {
		return t, nil
	}
	t.cmd.Cohort = c.Cohort.NoneIfEveryone()
	if seen != nil {
		v := *seen
		v.State, t.seen = &t.State, &v
	}
	t.Revision++
	if c.At.After(t.Now) {
		t.Now, t.Offset = c.At, c.Offset
	}
	before := t.State
	err := t.run()
	if errors.Is(err, ErrUnknownCommand) {
		return &transition{State: s}, err
	}
	if err != nil {
		t = &transition{State: before, cmd: t.cmd, events: t.refusalEvents(err)}
	} else {
		if c.ID != "" {
			t.Seen = appendBounded(t.Seen, MaxSeen, c.ID)
		}
		t.seen = seen.next(&t.State)
		t.followUp()
		t.Format = max(t.Format, c.Version)
		if t.Fleet != nil && before.Fleet != nil {
			t.fade(&before)
		}
		if t.decided || !sameAnswers(&before, &t.State, seen, t.seen) {
			t.Epoch++
		}
	}
	for i := range t.events {
		t.events[i].Epoch, t.events[i].Revision = t.Epoch, t.Revision
	}
	kept := pointers(t.events)
	t.chronicle(kept)
	t.Events = appendBounded(t.Events, MaxEvents, kept...)
	return t, err
}

// ApplyAll carries out the commands of one log entry in turn. The error is the
// first one; later commands are still carried out, since each is whole in
// itself.
func ApplyAll(s State, cmds []Command) (State, []Event, error) {
	var events []Event
	var first error
	for _, c := range cmds {
		next, ev, err := Apply(s, c)
		if errors.Is(err, ErrUnknownCommand) {
			return s, nil, err
		}
		s, events = next, append(events, ev...)
		if first == nil {
			first = err
		}
	}
	return s, events, first
}

// transition is a State in the middle of one command. Handlers replace the
// slices of the State and never write into them.
type transition struct {
	State
	cmd     Command
	events  []Event
	decided bool // an intent changed: the epoch goes up even if no answer did
	// seen is a view of the State while nothing that places slots changes.
	seen *view
}

func (t *transition) run() error {
	c := t.cmd
	if c.ExpectEpoch != 0 && c.ExpectEpoch != t.Epoch {
		return t.stale()
	}
	if c.Kind == KindSetFleet {
		return t.setFleet()
	}
	if t.Fleet == nil {
		return &Invalid{Field: "fleet", Message: "no fleet is set yet", Hint: "start an agent with a fleet file, or: sipsteer apply fleet.yaml"}
	}
	switch c.Kind {
	case KindDrain:
		return t.drain()
	case KindUndrain:
		return t.undrain()
	case KindFailover:
		return t.failover()
	case KindFailback:
		return t.failback()
	case KindHold:
		return t.hold()
	case KindRelease:
		return t.release()
	case KindAck:
		return t.ack()
	case KindRollback:
		return t.rollback()
	case KindIncidentDeclare, KindIncidentNote, KindIncidentIdentify, KindIncidentResolve:
		return t.changeIncident()
	case KindApprove:
		return t.approve()
	case KindNotified:
		t.Notified = max(t.Notified, t.cmd.Notified)
		return nil
	case KindBookSave:
		return t.saveBook()
	case KindBookDrop:
		return t.dropBook()
	case KindLook:
		return t.look()
	case KindConcernAck:
		return t.ackConcern()
	case KindConcernUnack:
		return t.unackConcern()
	case KindRunStart, KindRunMove, KindRunApprove, KindRunPause, KindRunResume, KindRunSkip, KindRunAbort, KindRunUndo:
		return t.runCommand()
	case KindKeyAdd, KindKeyConfirm, KindKeyStep, KindKeyDrop, KindKeyUnsign, KindKeyGone:
		return t.keyCommand()
	case KindTenantStage:
		return t.tenantStage()
	case KindTenantCommit:
		return t.tenantCommit()
	case KindTenantRollback:
		return t.tenantRollback()
	case KindVerdicts:
		return t.setVerdicts()
	case KindWithdraw:
		return t.withdraw()
	case KindAdvise:
		return t.advise()
	case KindDrainStage:
		return t.drainStage()
	case KindDrainExpire:
		return t.drainExpire()
	case KindHoldExpire:
		return t.holdExpire()
	case KindFailbackStep:
		return t.failbackStep()
	case KindFailbackAbort:
		return t.failbackAbort()
	case KindUnblock:
		return t.unblock()
	case KindQuarantine, KindUnquarantine, KindQuarantineExpire:
		return t.quarantineCommand()
	case KindPush:
		return t.push()
	case KindOutExpire:
		return t.outExpire()
	case KindGateWord:
		return t.gateWord()
	case KindFloods:
		return t.floods()
	case KindSilence, KindUnsilence, KindSilenceExpire:
		return t.silenceCommand()
	}
	return fmt.Errorf("%w: kind %q; upgrade this agent", ErrUnknownCommand, c.Kind)
}

func (t *transition) stale() error {
	r := &Refusal{
		Rule: RuleStalePlan, Hard: true, Text: "the fleet has changed since the plan was made",
		Value: fmt.Sprintf("epoch %d", t.Epoch), Limit: fmt.Sprintf("epoch %d", t.cmd.ExpectEpoch),
		Next: "sipsteer history   # what changed and by whom; then make the plan again",
	}
	if since := t.changedSince(t.cmd.ExpectEpoch); since != "" { // not into Text: that is in the audit trail, octet by octet
		r.Next = "sipsteer history   # since the plan: " + since + "; then make the plan again"
	}
	for _, e := range slices.Backward(t.Events) {
		if e.Kind != EventRefused && e.Epoch == t.Epoch {
			r.Text += fmt.Sprintf("; last change by %s: %s", e.By, e.Text)
			break
		}
	}
	return r
}

// maxSince is how many changes a refused plan names.
const maxSince = 3

// changedSince names the last changes after an epoch, each with who made it.
func (t *transition) changedSince(epoch uint64) string {
	var list []string
	for _, e := range slices.Backward(t.Events) {
		if e.Epoch <= epoch {
			break
		}
		hold := e.Kind == EventHold || e.Kind == EventRelease || e.Kind == EventAck || e.Kind == EventTenants || e.Kind == EventKey
		if len(list) < maxSince && e.Kind != EventOverride && (e.change() || hold) {
			list = append(list, e.By+": "+e.Text)
		}
	}
	slices.Reverse(list)
	return strings.Join(list, ", then ")
}

// event records what happened. Text is a whole sentence.
func (t *transition) event(kind EventKind, e Event) {
	e.Kind, e.At = kind, t.Now
	if e.By == "" {
		e.By = t.cmd.By
	}
	if e.Reason == "" {
		e.Reason = t.cmd.Reason
	}
	e.From = t.cmd.From
	t.events = append(t.events, e)
}

func (t *transition) refusalEvents(err error) []Event {
	var r *Refusal
	if !errors.As(err, &r) {
		return nil
	}
	return []Event{{
		At: t.Now, Kind: EventRefused, By: t.cmd.By, Reason: t.cmd.Reason, Site: t.cmd.Site, Service: t.cmd.Service,
		Transport: t.cmd.Transport, Rule: r.Rule, Value: r.Value, Limit: r.Limit,
		Text: fmt.Sprintf("%s refused: %s", t.cmd.Kind, r.Text),
	}}
}

// overrides records each rule that a command passed by name.
func (t *transition) overrides(used ...Rule) {
	for _, r := range used {
		t.event(EventOverride, Event{Site: t.cmd.Site, Rule: r, Text: fmt.Sprintf("%s overrode %s for %s of %s", t.cmd.By, r, t.cmd.Kind, t.cmd.Site)})
	}
}

func (t *transition) setFleet() error {
	if t.cmd.Fleet == nil {
		return &Invalid{Field: "fleet", Message: "the command holds no fleet"}
	}
	f := t.cmd.Fleet.WithDefaults()
	if problems := fleet.Validate(f); len(problems) > 0 {
		p := problems[0]
		return &Invalid{Field: p.Path, Message: p.Message, Hint: p.Hint}
	}
	if err := t.fleetInUse(&f); err != nil {
		return err
	}
	if err := t.tenantsInUse(&f); err != nil {
		return err
	}
	first, before := t.Fleet == nil, t.State
	t.Fleet, t.decided = &f, true
	t.Staging = nil // its rows were checked against the old fleet
	t.dropUnknown()
	if r := t.guardFleetReach(before); r != nil {
		return r
	}
	text := fmt.Sprintf("fleet changed: %s, %s", plural(len(f.Sites), "site"), plural(len(f.Services), "service"))
	if first {
		text = fmt.Sprintf("fleet set: zone %s, %s, %s", f.Zone, plural(len(f.Sites), "site"), plural(len(f.Services), "service"))
	}
	t.event(EventFleet, Event{Text: text})
	return nil
}

// fleetInUse refuses to take away a site or service that an intent names: the
// intent would be lost without a word.
func (t *transition) fleetInUse(f *fleet.Fleet) error {
	for _, d := range t.Drains {
		if f.Site(d.Site) == nil || (d.Service != "" && f.Service(d.Service) == nil) {
			return &Invalid{Field: "fleet.sites", Message: fmt.Sprintf("the new fleet lacks %s, which is drained by %s (%s)", d.Scope(), d.Owner, d.Reason), Hint: "sipsteer undrain " + string(d.Site)}
		}
	}
	for _, h := range t.Holds {
		if h.Service != "" && f.Service(h.Service) == nil {
			return &Invalid{Field: "fleet.services", Message: fmt.Sprintf("the new fleet lacks %s, which is held by %s (%s)", h.Service, h.Owner, h.Reason), Hint: "sipsteer release --service " + string(h.Service)}
		}
	}
	return nil
}

// dropUnknown forgets verdicts, removals and blocks of what the fleet no
// longer has.
func (t *transition) dropUnknown() {
	has := func(s Slot) bool {
		svc := t.Fleet.Service(s.Service)
		return svc != nil && slices.Contains(svc.Sites, s.Site) && slices.Contains(svc.Transports, s.Transport)
	}
	t.Verdicts = deleted(t.Verdicts, func(v health.Verdict) bool { return !t.hasTarget(v.Check.Target) })
	t.Outs = deleted(t.Outs, func(o Out) bool { return !has(o.Slot) })
	t.Brakes = deleted(t.Brakes, func(b Brake) bool {
		return slices.ContainsFunc(b.Sites, func(id fleet.SiteID) bool { return t.Fleet.Site(id) == nil })
	})
	t.Advice = deleted(t.Advice, func(a Advice) bool { return !has(a.Slot) })
	t.Blocks = deleted(t.Blocks, func(b Block) bool { return t.Fleet.Service(b.Service) == nil || t.Fleet.Site(b.Site) == nil })
	t.dropSilences()
	t.Gates = deleted(t.Gates, func(g GateSeen) bool { return t.Fleet.Site(g.Site) == nil })
	t.Quarantines = deleted(t.Quarantines, func(q Quarantine) bool {
		return q.Site != "" && t.Fleet.Site(q.Site) == nil || t.guardOwnSites(q.Prefix) != nil
	})
	var back []Failback
	for _, f := range t.Failbacks {
		f.Slots = deleted(f.Slots, func(s Slot) bool { return !has(s) })
		f.Step = min(f.Step, len(t.Fleet.Policy.FailbackSteps)-1)
		if len(f.Slots) > 0 {
			back = append(back, f)
		}
	}
	t.Failbacks = back
}

// pointers returns where copies of the events are: States and timelines that
// have an event share it.
func pointers(events []Event) []*Event {
	copies := slices.Clone(events)
	out := make([]*Event, len(copies))
	for i := range copies {
		out[i] = &copies[i]
	}
	return out
}

func appendBounded[T any](s []T, limit int, add ...T) []T {
	if len(add) == 0 {
		return s
	}
	out := slices.Concat(s, add)
	return out[max(0, len(out)-limit):]
}

// deleted is slices.DeleteFunc on a copy.
func deleted[T any](s []T, del func(T) bool) []T {
	if !slices.ContainsFunc(s, del) {
		return s
	}
	return slices.DeleteFunc(slices.Clone(s), del)
}

// inserted puts x into the ordered s, replacing its equal, on a copy.
func inserted[T any](s []T, x T, compare func(a, b T) int) []T {
	i, found := slices.BinarySearchFunc(s, x, compare)
	out := append(make([]T, 0, len(s)+1), s[:i]...)
	out = append(out, x)
	if found {
		i++
	}
	return append(out, s[i:]...)
}

// merged puts many into the ordered s, replacing their equals, on a copy.
func merged[T any](s, add []T, compare func(a, b T) int) []T {
	out := append(slices.Clone(add), s...)
	slices.SortStableFunc(out, compare)
	return slices.CompactFunc(out, func(a, b T) bool { return compare(a, b) == 0 })
}

// until is the end of an intent that begins now.
func (t *transition) until() time.Time { return t.Now.Add(t.cmd.For.D()) }
