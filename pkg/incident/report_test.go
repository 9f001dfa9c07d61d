package incident

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

var verb = regexp.MustCompile(`%\[\d\][sd]`)

// TestTheLanguagesSayTheSame: a key that one language lacks, or that takes
// other values there, would show to a customer.
func TestTheLanguagesSayTheSame(t *testing.T) {
	for key, en := range english.words {
		fr, ok := french.words[key]
		if !ok {
			t.Errorf("French lacks %q", key)
			continue
		}
		if a, b := uses(en), uses(fr); a != b {
			t.Errorf("%q takes %q in English and %q in French", key, a, b)
		}
		if strings.TrimSpace(fr) == "" || strings.TrimSpace(en) == "" {
			t.Errorf("%q is empty", key)
		}
	}
	for key := range french.words {
		if _, ok := english.words[key]; !ok {
			t.Errorf("English lacks %q", key)
		}
	}
	for key := range english.causes {
		if french.causes[key] == "" {
			t.Errorf("French lacks the cause %q", key)
		}
	}
}

// uses lists the values that a sentence takes, each once, in order.
func uses(s string) string {
	var out []string
	for i := range 5 {
		v := "%[" + string(rune('1'+i)) + "]s"
		for _, m := range verb.FindAllString(s, -1) {
			if strings.TrimSuffix(m, "d") == strings.TrimSuffix(v, "s") || m == v {
				out = append(out, v)
				break
			}
		}
	}
	return strings.Join(out, " ")
}

// TestEveryEventHasWords: no key of the catalogue shows in a report.
func TestEveryEventHasWords(t *testing.T) {
	for _, kind := range []steer.EventKind{
		steer.EventFleet, steer.EventVerdict, steer.EventDrain, steer.EventUndrain, steer.EventStage, steer.EventExpired, steer.EventWithdraw,
		steer.EventFailover, steer.EventFailback, steer.EventStepBack, steer.EventHold, steer.EventRelease, steer.EventAck, steer.EventAdvice,
		steer.EventRefused, steer.EventOverride, steer.EventUnblock, steer.EventNote, steer.EventRollback, steer.EventRestored, steer.EventBrake, steer.EventRun, steer.EventNotify, steer.EventQuarantine, steer.EventGate,
	} {
		word := map[steer.EventKind]string{steer.EventVerdict: "down", steer.EventDrain: "announce", steer.EventStage: "done", steer.EventFailback: "25", steer.EventBrake: "set", steer.EventRun: "done", steer.EventGate: steer.GateFellBack}[kind]
		for _, l := range []*language{&english, &french} {
			got := l.phrase(&steer.Event{Kind: kind, Word: word, Site: "calgary", Transport: fleet.TLS, By: "alice", Reason: "why", Rule: steer.RuleHold})
			if got == "" || strings.Contains(got, "ev.") || strings.Contains(got, "stage.") || strings.Contains(got, "%!") {
				t.Errorf("%s in %s: %q", kind, l.words["lang"], got)
			}
		}
	}
	for _, word := range []string{steer.GateReflex, steer.GateReflexOver, steer.GateDriverFailed, steer.GateFellBack, steer.GateDriverWorks, steer.GateStragglers, steer.GatePush} {
		for _, l := range []*language{&english, &french} {
			got := l.phrase(&steer.Event{Kind: steer.EventGate, Word: word, Site: "calgary", Value: "udp, tls", By: steer.AutomationOwner})
			told := strings.Contains(got, "UDP, TLS")
			if strings.Contains(got, "ev.") || strings.Contains(got, "%!") || told != (word == steer.GateReflex || word == steer.GateStragglers || word == steer.GatePush) {
				t.Errorf("gate %s in %s: %q", word, l.words["lang"], got)
			}
		}
	}
	for _, word := range []string{"opened", "spread", "declared", "cause", "investigating", "identified", "monitoring", "resolved", "minor", "major", "critical"} {
		for _, l := range []*language{&english, &french} {
			if got := l.phrase(&steer.Event{Kind: steer.EventIncident, Word: word, Site: "calgary", By: "alice", Reason: "why"}); strings.Contains(got, "ev.") || strings.Contains(got, "state.") || strings.Contains(got, "severity.") || strings.Contains(got, "%!") {
				t.Errorf("%s in %s: %q", word, l.words["lang"], got)
			}
		}
	}
}

// TestHostileTextStaysText: what people and softswitches wrote reaches no
// markup, no terminal and no direction of writing.
func TestHostileTextStaysText(t *testing.T) {
	const evil = "<script>alert(1)</script> | `x` [y](javascript:z) \x1b[31m \u202e " + `"><img src=x onerror=y>`
	at := time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)
	in := steer.Incident{
		ID: evil, State: steer.Resolved, Severity: steer.Major, Summary: evil, Cause: evil, Sites: []fleet.SiteID{"calgary"},
		StartedAt: at, OpenedAt: at, OpenedBy: evil, DeclaredAt: at, DeclaredBy: evil, MovedAt: at, MovedBy: evil, WellAt: at.Add(time.Minute), ResolvedAt: at.Add(time.Hour), ResolvedBy: evil,
		Timeline: []*steer.Event{
			{Kind: steer.EventFleet, At: at.Add(-time.Minute), By: evil, Reason: evil},
			{Kind: steer.EventNote, At: at, By: evil, Reason: evil, Text: evil},
			{Kind: "of-a-later-version", At: at, By: evil, Text: evil},
			{Kind: steer.EventDrain, Word: "announce", Site: "calgary", At: at, By: evil, Reason: evil},
		},
	}
	seen := steer.Evidence{Agent: evil, At: at, Cause: evil, Detail: evil, Wire: []string{"received SIP/2.0 403 Forbidden", evil}}
	r := Build(in, Input{Now: at.Add(2 * time.Hour), Zone: evil, Evidence: []steer.Evidence{seen}})
	for _, lang := range Langs() {
		if md, err := r.Markdown(Options{Lang: lang}); err != nil || strings.Contains(md, "403 Forbidden") {
			t.Errorf("a customer's report in %s: %v, or with evidence", lang, err)
		}
		md, err := r.Markdown(Options{Lang: lang, Evidence: true})
		if err != nil {
			t.Fatal(err)
		}
		html, err := r.HTML(Options{Lang: lang, Evidence: true})
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string]string{"Markdown": md, "HTML": html} {
			if !strings.Contains(text, "received SIP/2.0 403 Forbidden") {
				t.Errorf("%s in %s is without the evidence", what, lang)
			}
			bad := []string{"<script>", "<img", "\x1b", "\u202e"}
			if what == "Markdown" {
				bad = append(bad, "[y](javascript", "| `x`")
			}
			for _, b := range bad {
				if strings.Contains(text, b) {
					t.Errorf("%s in %s holds %q", what, lang, b)
				}
			}
			if !strings.Contains(text, "alert(1)") {
				t.Errorf("%s in %s lost the text itself", what, lang)
			}
		}
		for _, outside := range []string{"http://", "https://", "src=", "@import", "url("} {
			if strings.Contains(strings.ReplaceAll(html, "src=x", ""), outside) {
				t.Errorf("the page needs something from elsewhere: %q", outside)
			}
		}
	}
}

func TestAReportSaysWhatIsMissing(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)
	in := steer.Incident{
		ID: "inc-9", State: steer.Investigating, Severity: steer.Minor, Summary: "no ringing", OpenedBy: "alice", DeclaredBy: "alice",
		StartedAt: at.Add(-20 * time.Minute), OpenedAt: at, DeclaredAt: at, Exposure: steer.Exposure{Unstated: []fleet.SiteID{"ottawa"}},
		Timeline: make([]*steer.Event, steer.MaxTimeline), Omitted: 7,
	}
	for i := range in.Timeline {
		in.Timeline[i] = &steer.Event{Kind: steer.EventNote, At: at, By: "alice", Reason: strings.Repeat("x", i+1), Revision: 9}
	}
	r := Build(in, Input{Now: at.Add(time.Hour), Zone: "example.net"})
	md, err := r.Markdown(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"7 entries are left out", "not stated", "80 so far", "The incident lasts", "has not been recorded", "State the capacity of ottawa", "No check saw it: alice had to declare it"} {
		if !strings.Contains(md, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if _, err := r.Markdown(Options{Lang: "de"}); err == nil {
		t.Error("a report in a language that there is not")
	}
}

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 12 * time.Second: "12 s", 72 * time.Second: "1 min 12 s", time.Hour: "1 h", 105 * time.Minute: "1 h 45 min",
		time.Hour + 3*time.Second: "1 h", 50 * time.Hour: "2 d 2 h", 400 * time.Millisecond: "0 s",
	} {
		if got := took(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
