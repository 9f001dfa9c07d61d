package sim

import (
	"math"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Result is what came of a scenario.
type Result struct {
	Scenario string         `json:"scenario"`
	Title    string         `json:"title,omitempty"`
	Seed     int64          `json:"seed"`
	Length   fleet.Duration `json:"length"`
	Phones   int            `json:"phones"`
	Groups   []GroupResult  `json:"groups"`
	Sites    []SiteResult   `json:"sites"`
	Faults   []FaultResult  `json:"faults"`
	Orders   []OrderResult  `json:"orders"`
	Expect   []ExpectResult `json:"expect"`
	Events   []steer.Event  `json:"events"`
	// Moves is how often automation took something out.
	Moves int `json:"moves"`
	// Refused is the 503 answers that phones got.
	Refused int `json:"refused"`
	// Moved is how often a phone registered at another site than before.
	Moved int `json:"moved"`
	// Curve has a row for each second.
	Curve Curve `json:"-"`
}

// GroupResult is what a group of phones went through.
type GroupResult struct {
	Name  string `json:"name"`
	Kind  Kind   `json:"kind"`
	Count int    `json:"count"`
	// Unserved is the phone-minutes without service.
	Unserved float64 `json:"unserved_minutes"`
	// Worst is the least share that was served, in per cent.
	Worst float64 `json:"worst_percent"`
	// End is the share that is served at the end, in per cent.
	End         float64 `json:"end_percent"`
	CallsFailed int     `json:"calls_failed"` // could not be made
	CallsEnded  int     `json:"calls_ended"`  // were cut off
}

// SiteResult is what a site went through.
type SiteResult struct {
	Name fleet.SiteID `json:"name"`
	Most int          `json:"most"` // registrations
	End  int          `json:"end"`
	// Peak is the most REGISTER in one second; Capacity is 0 when not stated.
	Peak     int `json:"register_peak"`
	Capacity int `json:"register_capacity,omitempty"`
}

// FaultResult is how long it took, from a fault on, until phones that follow
// SRV were served again. A time below zero says: not before the next fault, nor
// the end.
type FaultResult struct {
	At     fleet.Duration `json:"at"`
	Fault  FaultKind      `json:"fault"`
	Site   fleet.SiteID   `json:"site,omitempty"`
	Phones string         `json:"phones,omitempty"`
	Moved  fleet.Duration `json:"moved"` // until automation or a person first took something out
	To50   fleet.Duration `json:"to_50"`
	To95   fleet.Duration `json:"to_95"`
	To99   fleet.Duration `json:"to_99"`
}

// OrderResult is what became of an operator's command.
type OrderResult struct {
	At fleet.Duration `json:"at"`
	Order
	Rule  steer.Rule `json:"rule,omitempty"` // that refused it
	Error string     `json:"error,omitempty"`
}

// Curve is what was measured at each second.
type Curve struct {
	Served [][]int32 // by group
	At     [][]int32 // served, by site
}

// None says that something did not happen.
const None = fleet.Duration(-1)

func (w *World) result() *Result {
	m := &w.meter
	r := &Result{
		Scenario: w.sc.Name, Title: w.sc.Title, Seed: w.sc.Seed, Length: w.sc.Length, Phones: len(w.phones),
		Orders: m.orders, Events: m.events, Refused: m.failures[refused], Moved: m.moved,
		Curve: Curve{Served: m.served, At: m.at},
	}
	for gi := range w.groups {
		r.Groups = append(r.Groups, w.groupResult(gi))
	}
	for i := range w.sites {
		l := &w.sites[i].load
		r.Sites = append(r.Sites, SiteResult{
			Name: w.sites[i].id, Most: int(m.most[i]), End: int(m.here[i]),
			Peak: l.peak, Capacity: l.capacity.RegisterRate,
		})
	}
	for _, e := range m.events {
		if e.Kind == steer.EventWithdraw {
			r.Moves++
		}
	}
	for _, mk := range m.marks {
		r.Faults = append(r.Faults, w.faultResult(mk))
	}
	for _, e := range w.sc.Expect {
		r.Expect = append(r.Expect, w.expect(e))
	}
	return r
}

func last[T any](s []T) T { return s[len(s)-1] }

func (w *World) groupResult(gi int) GroupResult {
	g, m := &w.groups[gi], &w.meter
	r := GroupResult{
		Name: g.Name, Kind: g.Kind, Count: g.count,
		CallsFailed: int(math.Round(m.callsFailed[gi])), CallsEnded: int(math.Round(m.callsEnded[gi])),
	}
	worst := int32(g.count)
	for _, n := range m.served[gi] {
		r.Unserved += float64(int32(g.count)-n) / 60
		worst = min(worst, n)
	}
	r.Unserved = math.Round(10*r.Unserved) / 10
	r.Worst, r.End = percent(worst, g.count), percent(last(m.served[gi]), g.count)
	return r
}

// percent is a share with one digit.
func percent(n int32, of int) float64 { return math.Round(1000*float64(n)/float64(of)) / 10 }

func (w *World) faultResult(mk mark) FaultResult {
	r := FaultResult{At: fleet.Duration(mk.at), Fault: mk.fault.Fault, Site: mk.fault.Site, Phones: mk.fault.Phones, Moved: None}
	end := w.nextMark(mk.at)
	for _, e := range w.meter.events {
		out := e.Kind == steer.EventWithdraw || e.Kind == steer.EventFailover || e.Kind == steer.EventDrain
		if at := e.At.Sub(start); out && at >= mk.at && at <= end {
			r.Moved = fleet.Duration(at - mk.at)
			break
		}
	}
	follow := w.selected([]string{string(KindSRV), string(KindSticky), string(KindOutbound), string(KindFollowsSilence), string(KindTrunk)})
	r.To50, r.To95, r.To99 = w.until(follow, 50, mk.at, end), w.until(follow, 95, mk.at, end), w.until(follow, 99, mk.at, end)
	return r
}

// nextMark is the last second before the next fault, or the end.
func (w *World) nextMark(from time.Duration) time.Duration {
	for _, m := range w.meter.marks {
		if m.at > from {
			return m.at - time.Second
		}
	}
	return w.sc.Length.D()
}

// selected lists the groups that have one of the names or kinds; all, when none
// is given.
func (w *World) selected(names []string) []int {
	var out []int
	for gi := range w.groups {
		g := &w.groups[gi]
		if len(names) == 0 || slices.Contains(names, g.Name) || slices.Contains(names, string(g.Kind)) {
			out = append(out, gi)
		}
	}
	return out
}

// share is how many per cent of the groups' phones are served at a second.
func (w *World) share(groups []int, second int) float64 {
	n, of := 0, 0
	for _, gi := range groups {
		n += int(w.meter.served[gi][second])
		of += w.groups[gi].count
	}
	if of == 0 {
		return 100
	}
	return 100 * float64(n) / float64(of)
}

// until is how long it takes from a time on until at least the share of the
// groups' phones is served and stays so to the end; None when it does not.
func (w *World) until(groups []int, share int, from, end time.Duration) fleet.Duration {
	first, final := int(from/time.Second), min(int(end/time.Second), len(w.meter.served[0])-1)
	for second := final; second >= first; second-- {
		if w.share(groups, second) < float64(share) {
			if second == final {
				return None
			}
			return fleet.Duration(time.Duration(second+1)*time.Second - from)
		}
	}
	return 0
}
