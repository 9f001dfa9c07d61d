package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// known are topics that people hear of in another way, since somebody did it or
// an incident tells it.
var known = []string{"incident", "drain", "hold", "silence", "out", "runbook", "check"}

// ConcernsOf are the findings that people are told of without asking, as the State
// keeps them. What a drain or a failure brings with it is none.
func ConcernsOf(s steer.State, findings []Finding) []steer.Concern {
	var out []steer.Concern
	for _, f := range findings {
		key := concernKey(s, f)
		if key == "" {
			continue
		}
		c := steer.Concern{Key: key, Grade: string(f.Grade), Text: fmt.Sprintf("%.300s", f.Text), Next: f.Next}
		if !slices.ContainsFunc(out, func(o steer.Concern) bool { return o.Key == c.Key }) { // the worst is first
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b steer.Concern) int { return strings.Compare(a.Key, b.Key) })
	return out[:min(len(out), steer.MaxConcerns)]
}

// concernKey is the key of the concern that a finding is; "" when it is none.
func concernKey(s steer.State, f Finding) string {
	calm := len(s.Drains)+len(s.Outs)+len(s.Failbacks) == 0
	if f.Grade == Note || slices.Contains(known, f.Topic) || f.Topic == "loss" && !calm {
		return ""
	}
	return strings.Join([]string{f.Topic, string(f.Site), string(f.Service), f.Subject}, "/")
}

// acknowledged names the findings that can be accepted, and says which are; those
// come last.
func (r *readiness) acknowledged() {
	for i := range r.out {
		f := &r.out[i]
		key := concernKey(r.s, *f)
		f.Concern = steer.ShortKey(key)
		if a := r.s.Concerns.Ack(key, string(f.Grade), r.now); key != "" && a != nil {
			f.Acked = &a.Intent
		}
	}
	slices.SortStableFunc(r.out, func(a, b Finding) int {
		switch {
		case (a.Acked == nil) == (b.Acked == nil):
			return 0
		case a.Acked == nil:
			return -1
		}
		return 1
	})
}
