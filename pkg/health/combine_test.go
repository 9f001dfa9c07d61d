package health

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

var (
	theCheck = Check{Target: Target{Site: "calgary", Switch: "cgy1", Transport: fleet.TLS}, Kind: Options}
	t0       = time.Date(2026, 2, 19, 9, 0, 0, 0, time.UTC)
)

// voice reads "calgary down timeout", "ottawa up", "vancouver unknown" or
// "ottawa silent" (not heard). The agent has its site's name.
func voice(t testing.TB, s string) Voice {
	t.Helper()
	w := strings.Fields(s)
	v := Voice{Agent: fleet.AgentID(w[0]), Site: fleet.SiteID(w[0]), Heard: true, Opinion: Opinion{Check: theCheck}}
	switch w[1] {
	case "up":
		v.Opinion.Status = Up
	case "down":
		v.Opinion.Status, v.Opinion.Cause = Down, CauseTimeout
		if len(w) > 2 {
			v.Opinion.Cause = Cause(w[2])
		}
		v.Opinion.Detail = "seen by " + w[0]
	case "silent":
		v.Heard, v.Opinion.Status = false, Down
	case "unknown":
	default:
		t.Fatalf("voice %q", s)
	}
	return v
}

func voices(t testing.TB, s string) []Voice {
	t.Helper()
	var vs []Voice
	for p := range strings.SplitSeq(s, ", ") {
		vs = append(vs, voice(t, p))
	}
	return vs
}

func TestCombine(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prev    Status
		voices  string
		want    Status
		pattern Pattern
		cause   Cause
	}{
		{"all say up", Unknown, "calgary up, ottawa up, vancouver up", Up, PatternAgreed, ""},
		{"all say down", Up, "calgary down, ottawa down, vancouver down", Down, PatternAgreed, CauseTimeout},
		{"the local agent and one other are enough", Up, "calgary down, ottawa down, vancouver up", Down, PatternSplit, CauseTimeout},
		{"the local agent alone is not", Up, "calgary down, ottawa up, vancouver up", Up, PatternLocalOnly, ""},
		{"the local agent alone, nobody else to ask, is not", Up, "calgary down, ottawa silent, vancouver silent", Up, PatternTooFew, ""},
		{"one of the others alone is not", Up, "calgary up, ottawa down, vancouver up", Up, PatternSplit, ""},
		{"only the outside says down: the path is broken", Up, "calgary up, ottawa down, vancouver down", Up, PatternOutsideOnly, CauseNetwork},
		{"that does not bring back what is down", Down, "calgary up, ottawa down, vancouver down", Down, PatternOutsideOnly, CauseTimeout},
		{"the local agent is dead, both others say down", Up, "calgary silent, ottawa down, vancouver down", Down, PatternAgreed, CauseTimeout},
		{"the local agent is dead, one other says down", Up, "calgary silent, ottawa down, vancouver up", Up, PatternSplit, ""},
		{"the local agent is dead, one other is heard", Up, "calgary silent, ottawa down, vancouver silent", Up, PatternTooFew, ""},
		{"the local agent is dead, and there is one other in all", Up, "calgary silent, ottawa down", Down, PatternAgreed, CauseTimeout},
		{"the local agent cannot say, both others say down", Up, "calgary unknown, ottawa down, vancouver down", Down, PatternAgreed, CauseTimeout},
		{"nobody can say", Up, "calgary unknown, ottawa unknown, vancouver silent", Up, PatternNoData, ""},
		{"nobody is heard", Down, "calgary silent, ottawa silent", Down, PatternNoData, "before"},
		{"two of three say up: it is back", Down, "calgary up, ottawa up, vancouver down", Up, PatternSplit, ""},
		{"one of three says up: not yet", Down, "calgary up, ottawa unknown, vancouver unknown", Down, PatternTooFew, "before"},
		{"a majority without the local agent is not down", Up, "calgary up, ottawa down, vancouver down, toronto down, halifax up", Up, PatternSplit, ""},
		{"half is no majority", Up, "calgary down, ottawa down, vancouver up, toronto up", Up, PatternSplit, ""},
		{"the most frequent cause is named", Up, "calgary down timeout, ottawa down refused, vancouver down refused", Down, PatternAgreed, CauseRefused},
		{"the local cause is named when there is a tie", Up, "ottawa down refused, calgary down tls-hang, vancouver up", Down, PatternSplit, CauseTLSHang},
		{"an agent that is named twice speaks once", Up, "calgary silent, ottawa down, ottawa down, vancouver silent", Up, PatternTooFew, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prev := Verdict{Check: theCheck, Status: tt.prev, Since: t0}
			if tt.prev == Down {
				prev.Cause = "before"
			}
			got, pattern := Combine(prev, voices(t, tt.voices), 1, t0.Add(time.Minute))
			if got.Status != tt.want || pattern != tt.pattern || got.Cause != tt.cause {
				t.Errorf("%s: got %s %s %q, want %s %s %q", tt.voices, got.Status, pattern, got.Cause, tt.want, tt.pattern, tt.cause)
			}
			if moved := !got.Since.Equal(t0); moved != (tt.want != tt.prev) {
				t.Errorf("since %s: moved %v, status %s to %s", got.Since, moved, tt.prev, tt.want)
			}
			for _, a := range got.Observers {
				i := slices.IndexFunc(voices(t, tt.voices), func(v Voice) bool { return v.Agent == a })
				if v := voices(t, tt.voices)[i]; !v.Heard || v.Opinion.Status != got.Status {
					t.Errorf("%s is named as holding %s", a, got.Status)
				}
			}
		})
	}
}

func TestCombineInAFleetOfOneSite(t *testing.T) {
	got, pattern := Combine(Verdict{Check: theCheck, Status: Up}, voices(t, "calgary down"), 0, t0)
	if got.Status != Down || pattern != PatternAgreed {
		t.Errorf("got %s %s, want down agreed", got.Status, pattern)
	}
}

func TestCombineIgnoresVoicesAboutOtherChecks(t *testing.T) {
	vs := voices(t, "calgary down, ottawa down, vancouver down")
	for i := range vs {
		vs[i].Opinion.Check.Transport = fleet.UDP
	}
	if got, pattern := Combine(Verdict{Check: theCheck, Status: Up}, vs, 1, t0); got.Status != Up || pattern != PatternNoData {
		t.Errorf("got %s %s, want up no-data", got.Status, pattern)
	}
}

// drawVoices draws the voices of a fleet of 3 to 6 agents, one at each site.
func drawVoices(t *rapid.T) []Voice {
	sites := []string{"calgary", "ottawa", "vancouver", "toronto", "halifax", "regina"}
	vs := make([]Voice, rapid.IntRange(3, len(sites)).Draw(t, "agents"))
	for i := range vs {
		vs[i] = Voice{
			Agent: fleet.AgentID(sites[i]), Site: fleet.SiteID(sites[i]),
			Heard: rapid.Bool().Draw(t, "heard"),
			Opinion: Opinion{
				Check:  theCheck,
				Status: rapid.SampledFrom([]Status{Unknown, Up, Down}).Draw(t, "status"),
				Cause:  rapid.SampledFrom([]Cause{CauseTimeout, CauseRefused}).Draw(t, "cause"),
			},
		}
	}
	return vs
}

func drawPrev(t *rapid.T) Verdict {
	return Verdict{Check: theCheck, Status: rapid.SampledFrom([]Status{Unknown, Up, Down}).Draw(t, "prev"), Since: t0}
}

func TestOneAgentNeverMakesAnotherSitesCheckDown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs := drawVoices(t)
		liar := rapid.IntRange(1, len(vs)-1).Draw(t, "liar") // not calgary's
		for i := range vs {
			if i != liar && vs[i].Opinion.Status == Down {
				vs[i].Opinion.Status = Up
			}
		}
		prev := drawPrev(t)
		// It may also speak as often as it likes.
		for range rapid.IntRange(0, 5).Draw(t, "echo") {
			vs = append(vs, vs[liar])
		}
		got, _ := Combine(prev, vs, rapid.IntRange(0, 2).Draw(t, "minRemote"), t0)
		if got.Status == Down && prev.Status != Down {
			t.Fatalf("%s made it down alone", vs[liar].Agent)
		}
	})
}

func TestAnotherUpNeverTurnsUpIntoDown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs, prev := drawVoices(t), drawPrev(t)
		minRemote := rapid.IntRange(0, 3).Draw(t, "minRemote")
		before, _ := Combine(prev, vs, minRemote, t0)
		i := rapid.IntRange(0, len(vs)-1).Draw(t, "who")
		vs[i].Heard, vs[i].Opinion.Status = true, Up
		after, _ := Combine(prev, vs, minRemote, t0)
		if before.Status != Down && after.Status == Down {
			t.Fatalf("%s says up now, and it is down", vs[i].Agent)
		}
	})
}

func TestTheOrderOfVoicesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs, prev := drawVoices(t), drawPrev(t)
		a, ap := Combine(prev, vs, 1, t0)
		b, bp := Combine(prev, rapid.Permutation(vs).Draw(t, "order"), 1, t0)
		if a.Status != b.Status || a.Cause != b.Cause || a.Detail != b.Detail || ap != bp || !slices.Equal(a.Observers, b.Observers) {
			t.Fatalf("%+v %s, other order %+v %s", a, ap, b, bp)
		}
	})
}

// Reading the rule as a sentence, a second time and without the tally.
func TestDownIsBackedByTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs, prev := drawVoices(t), drawPrev(t)
		minRemote := rapid.IntRange(0, 2).Draw(t, "minRemote")
		is := func(v Voice, s Status) bool { return v.Heard && v.Opinion.Status == s }
		heard, down, others := 0, 0, 0
		for i, v := range vs {
			if v.Heard {
				heard++
			}
			if is(v, Down) {
				down++
				if i > 0 {
					others++
				}
			}
		}
		local := vs[0]
		want := down*2 > heard && !is(local, Up) &&
			(is(local, Down) && others >= minRemote || !is(local, Down) && others >= max(2, minRemote))
		got, _ := Combine(prev, vs, minRemote, t0)
		if want != (got.Status == Down) && prev.Status != Down {
			t.Fatalf("got %s, want down: %v", got.Status, want)
		}
	})
}
