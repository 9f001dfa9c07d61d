package health

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// monday is the first of the weeks that the tests live through.
var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// calgary plays the calls that were up at calgary at a moment of the weeks
// before outage 3: a working day from 13:00 to 01:00 UTC, half as much at
// weekends by Calgary's clock, and the scatter of counted things.
func calgary(at time.Time, r *rand.Rand) float64 {
	hour := float64(at.Hour()) + float64(at.Minute())/60
	day := math.Max(0, math.Sin((hour-12)/14*math.Pi)) // 12:00 to 02:00
	if hour < 2 {
		day = math.Max(0, math.Sin((hour+12)/14*math.Pi))
	}
	level := 12 + 600*day
	if wd := at.Add(-7 * time.Hour).Weekday(); wd == time.Saturday || wd == time.Sunday {
		level = 12 + 250*day
	}
	week := 1 + 0.02*float64(at.Sub(monday)/(7*24*time.Hour)) // it grows
	level *= week
	return math.Max(0, math.Round(level+math.Sqrt(level)*r.NormFloat64()))
}

// live lets a baseline see every minute from one moment to another and returns
// the moments at which a number was outside its limits.
func live(b *Baseline, from, to time.Time, volume func(time.Time) float64) (low, high []time.Time) {
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		v := volume(at)
		if e := b.Expect(at); e.Known() {
			least, most := e.Limits(Tolerance{Counts: true})
			if v < least {
				low = append(low, at)
			}
			if v > most {
				high = append(high, at)
			}
		}
		b.Learn(at, v)
	}
	return low, high
}

// TestCalgarysLowVolumeIsSeen: a person noticed it after hours. The calls fell
// to a third on a Tuesday morning, when every OPTIONS was still answered.
func TestCalgarysLowVolumeIsSeen(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var b Baseline
	fault := monday.Add(6*7*24*time.Hour + 24*time.Hour + 16*time.Hour + 20*time.Minute)
	sick := func(at time.Time) float64 {
		v := calgary(at, r)
		if !at.Before(fault) && at.Before(fault.Add(3*time.Hour)) {
			v = math.Round(v * 0.35)
		}
		return v
	}
	low, high := live(&b, monday, monday.Add(7*7*24*time.Hour), sick)
	if len(high) > 3 {
		t.Errorf("%d minutes were abnormally high, the first %v", len(high), high[0])
	}
	if len(low) < 150 || !low[0].Equal(fault) {
		t.Fatalf("%d minutes were abnormally low, the first %v; the fault began at %v", len(low), low[:min(len(low), 1)], fault)
	}
	for _, at := range low {
		if at.Before(fault) || !at.Before(fault.Add(3*time.Hour)) {
			t.Errorf("%s is called abnormally low, and was not", at)
		}
	}

	// The bad morning is outvoted: a week later the same hours are expected as
	// before, and a second fall is seen as the first was.
	before := b.Expect(fault)
	next := fault.Add(7 * 24 * time.Hour)
	live(&b, monday.Add(7*7*24*time.Hour), next, func(at time.Time) float64 { return calgary(at, r) })
	after := b.Expect(next)
	if after.Median < 0.9*before.Median {
		t.Errorf("one bad morning taught %v where %v was usual", after.Median, before.Median)
	}
}

// TestNothingIsSaidOfRandomScatter: ten weeks in which nothing is wrong.
func TestNothingIsSaidOfRandomScatter(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7))
		var b Baseline
		low, high := live(&b, monday, monday.Add(10*7*24*time.Hour), func(at time.Time) float64 { return calgary(at, r) })
		// Of 100,000. One minute alone is no verdict: it takes the median of a
		// window, thrice.
		if len(low)+len(high) > 10 {
			t.Errorf("seed %d: %d minutes low, %d high", seed, len(low), len(high))
		}
	}
}

func TestColdBaselineExpectsNothing(t *testing.T) {
	var b Baseline
	at := monday.Add(15 * time.Hour)
	for week := range 4 {
		if e := b.Expect(at.Add(time.Duration(week) * 7 * 24 * time.Hour)); e.Known() != (week >= LearnWeeks) || e.Weeks != week {
			t.Errorf("after %d weeks: %+v", week, e)
		}
		from := monday.Add(time.Duration(week) * 7 * 24 * time.Hour)
		live(&b, from, from.Add(7*24*time.Hour), func(time.Time) float64 { return 100 })
	}
}

func TestHoursThatWereHardlySeenTeachNothing(t *testing.T) {
	var b Baseline
	for m := range 29 {
		b.Learn(monday.Add(time.Duration(m)*time.Minute), 5)
	}
	b.Learn(monday.Add(time.Hour), 5)
	if got := b.Hours[(monday.Unix()/3600)%hoursOfWeek]; len(got) != 0 {
		t.Errorf("29 minutes taught %v", got)
	}
}

func TestAClockThatJumpsTeachesNoHourTwice(t *testing.T) {
	var b Baseline
	hour := func(from time.Time, v float64) {
		for m := range 60 {
			b.Learn(from.Add(time.Duration(m)*time.Minute), v)
		}
	}
	slot := &b.Hours[(monday.Unix()/3600)%hoursOfWeek]
	hour(monday, 5)
	hour(monday.Add(20*time.Minute), 7) // set back by 40 minutes
	hour(monday.Add(2*time.Hour), 5)
	if len(*slot) != 1 || (*slot)[0] != 5 {
		t.Errorf("after a jump back: %v", *slot)
	}
	hour(monday.Add(1000*time.Hour), 9)
	hour(monday.Add(3*time.Hour), 5)
	b.Learn(monday.Add(4*time.Hour), 5)
	if got := b.Hours[(monday.Unix()/3600+3)%hoursOfWeek]; len(got) != 1 {
		t.Errorf("after a clock that was weeks ahead nothing is learnt any more: %v", got)
	}
}

func usually(v, deviation float64) Expected {
	return Expected{Median: v, Low: v, High: v, Deviation: deviation}
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name        string
		e           Expected
		t           Tolerance
		least, most float64
	}{
		{"a steady number", usually(100, 0), Tolerance{}, 60, 140},
		{"one that scatters", usually(100, 20), Tolerance{}, 20, 180},
		{"few calls at night", usually(9, 0), Tolerance{Counts: true}, 0, 21},
		{"many calls", usually(10000, 0), Tolerance{Share: 0.1, Counts: true}, 9000, 11000},
		{"a morning", Expected{Median: 50, Low: 10, High: 90}, Tolerance{}, 6, 126},
		{"a ratio", usually(0.5, 0), Tolerance{Share: 0.2}, 0.4, 0.6},
	} {
		if least, most := tt.e.Limits(tt.t); math.Abs(least-tt.least) > 1e-9 || math.Abs(most-tt.most) > 1e-9 {
			t.Errorf("%s: %v to %v, want %v to %v", tt.name, least, most, tt.least, tt.most)
		}
	}
}
