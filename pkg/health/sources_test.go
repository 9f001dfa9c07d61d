package health_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

// crowdOf is what 400 phones, an office and a trunk send on a usual day.
func crowdOf() []health.SourceRate {
	out := []health.SourceRate{{addr("198.51.100.1/32"), 60}, {addr("198.51.100.2/32"), 8}}
	for i := range 400 {
		out = append(out, health.SourceRate{Prefix: addr(fmt.Sprintf("10.0.%d.%d/32", i/250, i%250)), PerSecond: 0.1})
	}
	return out
}

func addr(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// listener looks every ten seconds.
type listener struct {
	s   health.Sources
	now time.Time
}

func (l *listener) look(times int, rates ...health.SourceRate) (last []health.Loud) {
	for range times {
		last = l.s.Look(l.now, rates, health.LoudLimits{Least: 50, Times: 10, Learn: 10 * time.Minute})
		l.now = l.now.Add(10 * time.Second)
	}
	return last
}

func newListener() *listener { return &listener{now: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)} }

// TestLoudSources: who is named after a usual hour, and who is not.
func TestLoudSources(t *testing.T) {
	flood := health.SourceRate{Prefix: addr("203.0.113.7/32"), PerSecond: 900}
	offices := func(n int, perSecond float64) (out []health.SourceRate) {
		for i := range n {
			out = append(out, health.SourceRate{Prefix: addr(fmt.Sprintf("192.0.2.%d/32", i)), PerSecond: perSecond})
		}
		return out
	}
	for _, c := range []struct {
		name  string
		extra []health.SourceRate
		looks int
		want  string
	}{
		{"a usual day with a busy trunk", nil, 30, ""},
		{"a flood, and one look is none", []health.SourceRate{flood}, 2, ""},
		{"a flood", []health.SourceRate{flood}, 3, "[203.0.113.7 begins 900 requests a second since Mon 10:00 UTC: it was hardly there before, and 95 % of the others send less than 0.2]"},
		{"an office that has gone mad", []health.SourceRate{{addr("198.51.100.2/32"), 120}}, 3, "[198.51.100.2 begins 120 requests a second since Mon 10:00 UTC: 8 is usual for it, and 95 % of the others send less than 0.2]"},
		{"an office after lunch", []health.SourceRate{{addr("198.51.100.2/32"), 70}}, 30, ""},
		{"a trunk with four times as many calls", []health.SourceRate{{addr("198.51.100.1/32"), 240}}, 30, ""},
		{"loud, but little", []health.SourceRate{{addr("203.0.113.7/32"), 49}}, 30, ""},
		{"all offices after a power cut", offices(40, 60), 30, ""},
		{"two at once hide each other from nobody", append(offices(1, 700), flood), 3, "[203.0.113.7 begins 900 requests a second since Mon 10:00 UTC: it was hardly there before, and 95 % of the others send less than 0.2 192.0.2.0 begins 700 requests a second since Mon 10:00 UTC: it was hardly there before, and 95 % of the others send less than 0.2]"},
		{"a network of IPv6", []health.SourceRate{{addr("2001:db8::/64"), 900}}, 3, "[2001:db8::/64 begins 900 requests a second since Mon 10:00 UTC: it was hardly there before, and 95 % of the others send less than 0.2]"},
	} {
		l := newListener()
		if got := l.look(360, crowdOf()...); len(got) != 0 {
			t.Fatalf("in the usual hour: %v", got)
		}
		rates := crowdOf()
		for _, e := range c.extra { // in place of what it usually sends
			for i := range rates {
				if rates[i].Prefix == e.Prefix {
					rates[i] = e
					e.Prefix = netip.Prefix{}
				}
			}
			if e.Prefix.IsValid() {
				rates = append(rates, e)
			}
		}
		got := ""
		if loud := l.look(c.looks, rates...); len(loud) > 0 {
			got = fmt.Sprint(loud)
		}
		if got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestLoudSourceIsNotItsHabit: a flood of a day is abnormal on the next day too,
// ends at once when it ends, and a pause begins the count anew.
func TestLoudSourceIsNotItsHabit(t *testing.T) {
	l := newListener()
	l.look(360, crowdOf()...)
	flood := append(crowdOf(), health.SourceRate{Prefix: addr("203.0.113.7/32"), PerSecond: 900})
	if got := l.look(8640, flood...); len(got) != 1 || got[0].Usual != 0 {
		t.Errorf("after a day: %v", got)
	}
	if got := l.look(1, crowdOf()...); len(got) != 0 {
		t.Errorf("after its end: %v", got)
	}
	if got := l.look(2, flood...); len(got) != 0 {
		t.Errorf("after a pause: %v", got)
	}
}

// TestLoudSourcesAreLearntFirst: what is there when we begin is usual.
func TestLoudSourcesAreLearntFirst(t *testing.T) {
	l := newListener()
	if got := l.look(59, health.SourceRate{Prefix: addr("198.51.100.1/32"), PerSecond: 900}); len(got) != 0 {
		t.Errorf("while it learns: %v", got)
	}
	if got := l.look(600, health.SourceRate{Prefix: addr("198.51.100.1/32"), PerSecond: 900}); len(got) != 0 {
		t.Errorf("what was there from the begin: %v", got)
	}
}

// TestLoudSourcesAreBounded: forged sources push out no habit.
func TestLoudSourcesAreBounded(t *testing.T) {
	l := newListener()
	l.look(360, crowdOf()...)
	for i := range 50 {
		rates := crowdOf()
		for k := range 4000 {
			rates = append(rates, health.SourceRate{Prefix: addr(fmt.Sprintf("100.%d.%d.%d/32", 64+i, k/250, k%250)), PerSecond: 3})
		}
		l.look(1, rates...)
	}
	if got := l.look(4, append(crowdOf()[1:], health.SourceRate{Prefix: addr("198.51.100.1/32"), PerSecond: 240})...); len(got) != 0 {
		t.Errorf("the trunk's habit is forgotten: %v", got)
	}
}
