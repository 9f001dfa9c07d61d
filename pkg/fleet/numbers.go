package fleet

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// MetricSources names where numbers can come from, as written under source.
var MetricSources = []string{"prometheus", "kamailio", "opensips", "opensips-datagram", "freeswitch", "json"}

// Number is one number of a softswitch, and when it is wrong: beyond a limit,
// or far from what is usual at that hour of the week.
type Number struct {
	// Name is what the number is called in verdicts and metrics.
	Name string `json:"name" yaml:"name" jsonschema_description:"What the number is called: a DNS label such as calls."`
	// Metric is what the source calls it.
	Metric string `json:"metric" yaml:"metric" jsonschema_description:"What the source calls it: prometheus name{label=\"value\"}, summed; kamailio dialog.active_dialogs; opensips dialog:active_dialogs; json calls.active or sites[0].calls; freeswitch a command, and behind a bar the word that the number follows: sofia status profile internal | CALLS-IN."`
	// Per divides by another number of the same source: answered by attempts is
	// the answer-seizure ratio.
	Per string `json:"per,omitempty" yaml:"per,omitempty" jsonschema_description:"Number of the same source by which it is divided: an answer-seizure ratio is answered calls per attempt."`
	// Counter says that the number only grows; what is judged is its growth in a
	// second, or with Per the growth of one by the growth of the other.
	Counter bool `json:"counter,omitempty" yaml:"counter,omitempty" jsonschema_description:"Whether the number only grows. Then its growth in a second is judged; with per, its growth by that of the other."`
	// Min and Max are limits that always hold. Default: none.
	Min *float64 `json:"min,omitempty" yaml:"min,omitempty" jsonschema_description:"Below this the check fails. Default: no limit."`
	Max *float64 `json:"max,omitempty" yaml:"max,omitempty" jsonschema_description:"Above this the check fails. Default: no limit."`
	// Usual compares with what was learnt of this hour of the week: low fails
	// when the number is far below, high far above, both either way. Default: no
	// comparison.
	Usual string `json:"usual,omitempty" yaml:"usual,omitempty" jsonschema:"enum=low,enum=high,enum=both" jsonschema_description:"Compare with what is usual at this hour of the week: fail when far below (low), far above (high), or either (both). Default: not compared. Says nothing before three weeks are learnt."`
	// Tolerance is the share by which it may be off. Default 0.4.
	Tolerance float64 `json:"tolerance,omitempty" yaml:"tolerance,omitempty" jsonschema:"minimum=0" jsonschema_description:"Share of the usual by which it may be off. Default: 0.4; more where the weeks differ more, or where few are counted."`
}

// Words for Number.Usual.
const (
	UsualLow  = "low"
	UsualHigh = "high"
	UsualBoth = "both"
)

const (
	maxNumbers = 50
	leastOver  = Duration(5 * time.Second)
	mostOver   = Duration(time.Hour)
)

// extraNumbers checks what a metrics check reads.
func (v *validation) extraNumbers(path string, e *Extra) {
	if e.Source != "" && !slices.Contains(MetricSources, e.Source) {
		v.add(path+".source", "one of "+strings.Join(MetricSources, ", "), "no numbers come from %q", e.Source)
	}
	if why := LabelProblem(e.Secret); e.Secret != "" && why != "" {
		v.add(path+".secret", "a name; each agent has the password itself in its secrets_dir", "%q %s", e.Secret, why)
	}
	if e.Over != 0 && (e.Over < leastOver || e.Over > mostOver) {
		v.add(path+".over", "5s to 1h", "over is %s", e.Over)
	}
	if len(e.Numbers) > maxNumbers {
		v.add(path+".numbers", "split it into several checks", "%d numbers, at most %d", len(e.Numbers), maxNumbers)
	}
	seen := once{}
	for i := range e.Numbers {
		n, at := &e.Numbers[i], fmt.Sprintf("%s.numbers[%d]", path, i)
		if why := LabelProblem(n.Name); why != "" {
			v.add(at+".name", "one DNS label such as calls", "number %q %s", n.Name, why)
		} else if before, twice := seen.put(n.Name, at+".name"); twice {
			v.clash(at+".name", before, "give each number of a check its own name", "number %s stands already", n.Name)
		}
		v.number(at, e.Source, n, e.Steers)
	}
}

func (v *validation) number(at, source string, n *Number, steers bool) {
	for _, m := range []struct{ field, text string }{{"metric", n.Metric}, {"per", n.Per}} {
		switch {
		case m.text == "" && m.field == "per":
		case m.text == "":
			v.add(at+".metric", "what the source calls the number", "number %s has no metric", n.Name)
		case len(m.text) > 500 || strings.ContainsFunc(m.text, func(r rune) bool { return r < ' ' || r > '~' }):
			v.add(at+"."+m.field, "printable ASCII, at most 500 octets", "metric %q", m.text)
		case source == "freeswitch" && !FreeSWITCHAsks(m.text):
			v.add(at+"."+m.field, "begin with show, status, sofia status or uptime", "%q may change something: only commands that look are sent", m.text)
		}
	}
	if n.Min != nil && n.Max != nil && *n.Min > *n.Max {
		v.add(at+".max", "not below min", "min is %v and max is %v", *n.Min, *n.Max)
	}
	if n.Min == nil && n.Max == nil && n.Usual == "" {
		v.add(at, "usual: low, or min, or max", "number %s is read, and never wrong", n.Name)
	}
	if n.Usual != "" && steers {
		v.add(at+".usual", "limits (min, max) for a check that steers; or leave steers out", "what is unusual is for people to judge: it moves no traffic")
	}
	if n.Usual != "" && !slices.Contains([]string{UsualLow, UsualHigh, UsualBoth}, n.Usual) {
		v.add(at+".usual", "low, high or both", "usual is %q", n.Usual)
	}
	if n.Tolerance < 0 || math.IsNaN(n.Tolerance) || n.Tolerance >= 1 && n.Usual == UsualLow {
		v.add(at+".tolerance", "above zero, below 1", "nothing is lower than %v below the usual", n.Tolerance)
	}
}

// FreeSWITCHAsks reports whether a command of FreeSWITCH's event socket only
// looks. Whoever may change the fleet file can make a softswitch do nothing.
func FreeSWITCHAsks(command string) bool {
	command, _, _ = strings.Cut(command, "|")
	words := strings.Fields(command)
	if len(words) == 0 || strings.ContainsAny(command, "\r\n;&`$") {
		return false
	}
	switch words[0] {
	case "show", "status", "uptime":
		return true
	case "sofia":
		return len(words) > 1 && words[1] == "status"
	}
	return false
}
