package steer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// GateWord is what a gate did by itself, or what its driver came to: what nobody
// decided, and what the story of an incident needs all the same.
type GateWord struct {
	Site  fleet.SiteID  `json:"site"`
	Agent fleet.AgentID `json:"agent"` // whose gate it is
	// Reflex are the transports that the gate has closed because its own
	// softswitches are dead there, in the order of fleet.Transports.
	Reflex []fleet.Transport `json:"reflex,omitempty"`
	// Trouble is why the site's driver does not refuse; Instead is what stands
	// in for it. Both "" when it does as it should.
	Trouble string `json:"trouble,omitempty"`
	Instead string `json:"instead,omitempty"`
	// Stragglers are the devices that still came when the gate, just now,
	// stopped refusing; 0 when it did not.
	Stragglers int `json:"stragglers,omitempty"`
}

// GateSeen is the last word of a gate, kept so that a new leader does not repeat
// it.
type GateSeen struct {
	Site    fleet.SiteID      `json:"site"`
	Agent   fleet.AgentID     `json:"agent"`
	Reflex  []fleet.Transport `json:"reflex,omitempty"`
	Trouble bool              `json:"trouble,omitempty"`
	Instead bool              `json:"instead,omitempty"`
	Hour    time.Time         `json:"hour"` // when Words began to be counted
	Words   int               `json:"words,omitempty"`
}

// The words of EventGate.
const (
	GateReflex       = "reflex"        // Value: the transports
	GateReflexOver   = "reflex-over"   // on every transport
	GateDriverFailed = "driver-failed" // nothing refuses that should
	GateFellBack     = "fell-back"     // another driver refuses
	GateDriverWorks  = "driver-works"  // again
	GateStragglers   = "stragglers"    // Value: how many
	GatePush         = "push"          // Value: how many devices a person has asked to look again
)

// MaxGateWords is how many words of one gate become events in an hour: one that
// flaps must not push everything else out of the audit trail.
const MaxGateWords = 20

const (
	// maxGateText bounds, in octets, what a driver's own words add to an event.
	maxGateText = 300
	// gateEcho is how long after an incident's end a gate's word still belongs
	// to it: the gate opens when the softswitch is back, and is heard later.
	gateEcho = time.Minute
)

// gateWord takes over what a gate did by itself. What is known already is no
// event.
func (t *transition) gateWord() error {
	w := t.cmd.Gate
	if w == nil || t.Fleet.Site(w.Site) == nil {
		return &Invalid{Field: "gate", Message: "a word of a gate at no site of the fleet"}
	}
	seen := t.GateSeen(w.Site, w.Agent)
	if seen.hourOver(t.Now) {
		seen.Hour, seen.Words = t.Now, 0
	}
	for _, e := range seen.changes(*w) {
		seen.Words++
		if seen.Words > MaxGateWords {
			break
		}
		if seen.Words == MaxGateWords {
			e.Text += "; it changes often, and further words of this gate are left out for an hour"
		}
		e.Site, e.Incident = w.Site, t.justOver(w.Site)
		t.event(EventGate, e)
	}
	seen.Reflex, seen.Trouble, seen.Instead = w.Reflex, w.Trouble != "", w.Instead != ""
	t.Gates = deleted(inserted(t.Gates, seen, compareGates), func(g GateSeen) bool { return g.hourOver(t.Now) && g.quiet() })
	return nil
}

// GateSeen is the last word of a gate, the zero one of a gate that had none.
func (s *State) GateSeen(site fleet.SiteID, agent fleet.AgentID) GateSeen {
	seen := GateSeen{Site: site, Agent: agent}
	if i, known := slices.BinarySearchFunc(s.Gates, seen, compareGates); known {
		return s.Gates[i]
	}
	return seen
}

func compareGates(a, b GateSeen) int {
	return cmp.Or(strings.Compare(string(a.Site), string(b.Site)), strings.Compare(string(a.Agent), string(b.Agent)))
}

func (g GateSeen) hourOver(now time.Time) bool { return now.Sub(g.Hour) >= time.Hour }

// quiet reports whether the gate does as it should, so that nothing need be
// kept of it.
func (g GateSeen) quiet() bool { return len(g.Reflex) == 0 && !g.Trouble && !g.Instead }

// justOver is the incident at a site that has ended within the last moment, if
// none is open there; else "".
func (t *transition) justOver(site fleet.SiteID) (id string) {
	for i := range t.Incidents {
		in := &t.Incidents[i]
		switch {
		case !slices.Contains(in.Sites, site):
		case in.Open():
			return "" // it takes the event as it takes all others
		case !in.ResolvedAt.IsZero() && t.Now.Sub(in.ResolvedAt) <= gateEcho:
			id = in.ID
		}
	}
	return id
}

// Says reports whether the word says anything that was not seen before.
func (g GateSeen) Says(w GateWord) bool { return len(g.changes(w)) > 0 }

// changes are the events that lead from what was seen to the word.
func (g GateSeen) changes(w GateWord) []Event {
	var out []Event
	add := func(word, value, format string, args ...any) {
		out = append(out, Event{Word: word, Value: value, Text: "the gate of " + w.who() + fmt.Sprintf(format, args...)})
	}
	trouble, instead := oneLine(w.Trouble), oneLine(w.Instead)
	switch {
	case slices.Equal(w.Reflex, g.Reflex):
	case len(w.Reflex) == 0:
		add(GateReflexOver, "", " is no longer closed by itself")
	default:
		names := transportNames(w.Reflex)
		add(GateReflex, names, " has closed by itself over %s: its own softswitch is dead there", names)
	}
	switch {
	case trouble != "" && !g.Trouble:
		add(GateDriverFailed, "", ": its driver does not do what it should: %s", trouble)
	case instead != "" && !g.Instead:
		add(GateFellBack, "", ": not all its drivers do what they should: %s", instead)
	case trouble == "" && instead == "" && (g.Trouble || g.Instead):
		add(GateDriverWorks, "", ": its driver does what it should again")
	}
	if w.Stragglers > 0 {
		add(GateStragglers, fmt.Sprint(w.Stragglers), " has stopped refusing; %s still came", plural(w.Stragglers, "device"))
	}
	return out
}

// who names the gate: by its site, and by its agent where that has another name.
func (w GateWord) who() string {
	if w.Agent == "" || string(w.Agent) == string(w.Site) {
		return string(w.Site)
	}
	return fmt.Sprintf("%s (agent %s)", w.Site, w.Agent)
}

func transportNames(list []fleet.Transport) string {
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = t.String()
	}
	return strings.Join(names, ", ")
}

// oneLine keeps a program's words short and without control characters.
func oneLine(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, s))
	if len(s) > maxGateText {
		return strings.ToValidUTF8(s[:maxGateText], "") + "…"
	}
	return s
}
