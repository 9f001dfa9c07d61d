package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// ExpectResult is whether an expectation is met, and what was measured.
type ExpectResult struct {
	Expect
	Met      bool   `json:"met"`
	Measured string `json:"measured"`
}

func (w *World) expect(e Expect) ExpectResult {
	r := ExpectResult{Expect: e}
	from, end := e.At.D(), w.sc.Length.D()
	if e.Within > 0 {
		end = min(end, from+e.Within.D())
	}
	switch e.What {
	case MeasureServed:
		r.Met, r.Measured = w.expectServed(e, from)
	case MeasureKeeps:
		r.Met, r.Measured = w.expectKeeps(e, from, end)
	case MeasureIn, MeasureOut:
		r.Met, r.Measured = w.expectPlace(e, from, end)
	case MeasureMoves:
		n := 0
		for _, ev := range w.meter.events {
			if at := ev.At.Sub(start); ev.Kind == steer.EventWithdraw && at >= from && at <= end {
				n++
			}
		}
		r.Met, r.Measured = n <= *e.Most, fmt.Sprintf("%d moves", n)
	case MeasureAdvice:
		r.Met, r.Measured = w.expectEvent(steer.EventAdvice, e.Rule, from, end)
	case MeasureRefused:
		r.Met, r.Measured = w.expectEvent(steer.EventRefused, e.Rule, from, end)
	}
	return r
}

// expectServed looks until the fault after the moment, or to the end.
func (w *World) expectServed(e Expect, from time.Duration) (bool, string) {
	end := w.nextMark(from)
	took := w.until(w.selected(e.Phones), e.Share, from, end)
	if took == None {
		return false, fmt.Sprintf("%.1f %% at the end", w.share(w.selected(e.Phones), int(end/time.Second)))
	}
	return e.Within == 0 || took <= e.Within, "after " + short(took)
}

func (w *World) expectKeeps(e Expect, from, end time.Duration) (bool, string) {
	groups := w.selected(e.Phones)
	least := 100.0
	for second := int(from / time.Second); second <= int(end/time.Second); second++ {
		least = min(least, w.share(groups, second))
	}
	return least >= float64(e.Share), fmt.Sprintf("%.1f %% at least", least)
}

// expectPlace looks when the site came to stand as wanted in all answers that
// are meant, by the States that were committed.
func (w *World) expectPlace(e Expect, from, end time.Duration) (bool, string) {
	for _, s := range w.quorum.log {
		at := s.Now.Sub(start)
		if at > end {
			break
		}
		next := w.after(s)
		if next < from {
			continue
		}
		if w.stands(s, e) == (e.What == MeasureIn) {
			return true, "after " + short(fleet.Duration(max(0, at-from)))
		}
	}
	return false, "never"
}

// after is when the State was followed by another one.
func (w *World) after(s steer.State) time.Duration {
	i := slices.IndexFunc(w.quorum.log, func(x steer.State) bool { return x.Revision > s.Revision })
	if i < 0 {
		return w.sc.Length.D()
	}
	return w.quorum.log[i].Now.Sub(start)
}

// stands reports whether the site is in all answers that are meant; a site that
// is in some and not in others is neither in nor out, and counts as the
// opposite of what is looked for.
func (w *World) stands(s steer.State, e Expect) bool {
	in, out := 0, 0
	for i := range s.Fleet.Services {
		svc := &s.Fleet.Services[i]
		if e.Service != "" && svc.Name != fullName(w.fleet, e.Service) || !slices.Contains(svc.Sites, e.Site) {
			continue
		}
		answers := steer.Answers(s, svc)
		for _, t := range svc.Transports {
			if e.Transport != 0 && t != e.Transport {
				continue
			}
			if slices.ContainsFunc(answers[t], func(x steer.Target) bool { return x.Site == e.Site }) {
				in++
			} else {
				out++
			}
		}
	}
	if e.What == MeasureIn {
		return out == 0
	}
	return in > 0
}

func (w *World) expectEvent(k steer.EventKind, rule string, from, end time.Duration) (bool, string) {
	for _, ev := range w.meter.events {
		if at := ev.At.Sub(start); ev.Kind == k && string(ev.Rule) == rule && at >= from && at <= end {
			return true, "after " + short(fleet.Duration(at-from))
		}
	}
	return false, "not once"
}
