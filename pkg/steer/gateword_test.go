package steer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// hear takes over a word of the gate of calgary and returns the words of the
// events that came of it.
func (s *chronicle) hear(w steer.GateWord) (words []string) {
	s.t.Helper()
	if w.Site == "" {
		w.Site, w.Agent = "calgary", "calgary"
	}
	before := len(s.state.Events)
	s.must(steer.Command{Kind: steer.KindGateWord, By: steer.AutomationOwner, Site: w.Site, Gate: &w})
	for _, e := range s.state.Events[before:] {
		if e.Kind != steer.EventGate || e.Site != w.Site {
			s.t.Errorf("an event of another kind or site: %+v", e)
		}
		words = append(words, e.Word)
	}
	return words
}

// TestGateWords: each change of what a gate does by itself is one event, and what
// is known already is none.
func TestGateWords(t *testing.T) {
	s := newChronicle(t)
	epoch := s.state.Epoch
	tlsDead := steer.GateWord{Reflex: []fleet.Transport{fleet.TLS}}
	for _, step := range []struct {
		word steer.GateWord
		want string
		says string
	}{
		{steer.GateWord{}, "", ""},
		{tlsDead, "reflex", "closed by itself over tls:"},
		{tlsDead, "", ""},
		{steer.GateWord{Reflex: []fleet.Transport{fleet.UDP, fleet.TLS}}, "reflex", "over udp, tls:"},
		{steer.GateWord{Trouble: "no\r\nrule"}, "reflex-over driver-failed", "should: no  rule"},
		{steer.GateWord{Trouble: "other words"}, "", ""},
		{steer.GateWord{Instead: "fell back to driver exec"}, "fell-back", "fell back to driver exec"},
		{steer.GateWord{Stragglers: 1}, "driver-works stragglers", "1 device still came"},
		{steer.GateWord{Site: "ottawa", Agent: "ottawa-2", Trouble: strings.Repeat("é", 400)}, "driver-failed", "the gate of ottawa (agent ottawa-2)"},
	} {
		if got := strings.Join(s.hear(step.word), " "); got != step.want {
			t.Errorf("%+v: events %q, want %q", step.word, got, step.want)
		}
		last := s.state.Events[len(s.state.Events)-1]
		if step.says != "" && !strings.Contains(last.Text, step.says) {
			t.Errorf("%+v says %q", step.word, last.Text)
		}
		if len(last.Text) > 400 || strings.ContainsAny(last.Text, "\r\n\uFFFD") {
			t.Errorf("%d octets: %q", len(last.Text), last.Text)
		}
	}
	if s.state.Epoch != epoch {
		t.Errorf("the decision moved from epoch %d to %d, and nothing was decided", epoch, s.state.Epoch)
	}
	var invalid *steer.Invalid
	if err := s.do(steer.Command{Kind: steer.KindGateWord, Gate: &steer.GateWord{Site: "atlantis"}}); !errors.As(err, &invalid) {
		t.Errorf("a gate at no site: %v", err)
	}
	if err := s.do(steer.Command{Kind: steer.KindGateWord}); !errors.As(err, &invalid) {
		t.Errorf("no word: %v", err)
	}
}

// TestGateWordsAreBounded: a gate that flaps all day leaves room for the rest of
// the audit trail, says that it is cut short, and is heard again later.
func TestGateWordsAreBounded(t *testing.T) {
	s := newChronicle(t)
	dead := steer.GateWord{Reflex: []fleet.Transport{fleet.UDP}}
	events := 0
	for range 2 * steer.MaxGateWords {
		events += len(s.hear(dead)) + len(s.hear(steer.GateWord{}))
	}
	if last := s.state.Events[len(s.state.Events)-1]; events != steer.MaxGateWords || !strings.Contains(last.Text, "left out for an hour") {
		t.Errorf("%d events, the last %q", events, last.Text)
	}
	s.now = s.now.Add(time.Hour)
	if got := s.hear(dead); len(got) != 1 {
		t.Errorf("an hour later: %q", got)
	}
	s.now = s.now.Add(time.Hour)
	s.hear(steer.GateWord{})
	s.now = s.now.Add(time.Hour)
	s.hear(steer.GateWord{Site: "ottawa", Agent: "ottawa"})
	if len(s.state.Gates) != 1 || s.state.Gates[0].Site != "ottawa" {
		t.Errorf("kept of gates that do as they should: %+v", s.state.Gates)
	}
}

// TestGateWordsInTheTimeline: a gate closes before the checks have opened an
// incident, and opens when they have ended it; both are in its story, and what
// gates of other sites do is not.
func TestGateWordsInTheTimeline(t *testing.T) {
	s := newChronicle(t)
	dead := []fleet.Transport{fleet.TLS}
	s.hear(steer.GateWord{Site: "ottawa", Agent: "ottawa", Reflex: dead})
	s.hear(steer.GateWord{Reflex: dead})
	s.verdict("calgary", health.Down)
	s.hear(steer.GateWord{Site: "ottawa", Agent: "ottawa"})
	s.hear(steer.GateWord{Reflex: dead, Trouble: "no permission"})
	s.verdict("calgary", health.Up)
	if in := s.only(); in.Open() {
		t.Fatalf("the incident is %s", in.State)
	}
	s.hear(steer.GateWord{Trouble: "no permission"})
	s.now = s.now.Add(2 * time.Minute)
	s.hear(steer.GateWord{}) // later: another story
	var words []string
	for _, e := range s.only().Timeline {
		if e.Kind == steer.EventGate {
			words = append(words, string(e.Site)+" "+e.Word)
		}
	}
	if got := strings.Join(words, ", "); got != "calgary reflex, calgary driver-failed, calgary reflex-over" {
		t.Errorf("in the timeline: %s", got)
	}
}

// TestGateWordsNeedTheirVersion: an agent that does not know them would stop.
func TestGateWordsNeedTheirVersion(t *testing.T) {
	if n := (steer.Command{Kind: steer.KindGateWord}).Needs(); n != 2 {
		t.Errorf("version %d", n)
	}
}
