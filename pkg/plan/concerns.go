package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// known are topics that people hear of in another way, since somebody did it or
// an incident tells it.
var known = []string{"incident", "drain", "hold", "out", "runbook", "check"}

// ConcernsOf are the findings that people are told of without asking, as the State
// keeps them. What a drain or a failure brings with it is none.
func ConcernsOf(s steer.State, findings []Finding) []steer.Concern {
	calm := len(s.Drains)+len(s.Outs)+len(s.Failbacks) == 0
	var out []steer.Concern
	for _, f := range findings {
		if f.Grade == Note || slices.Contains(known, f.Topic) || f.Topic == "loss" && !calm {
			continue
		}
		c := steer.Concern{
			Key:   strings.Join([]string{f.Topic, string(f.Site), string(f.Service), f.Subject}, "/"),
			Grade: string(f.Grade), Text: fmt.Sprintf("%.300s", f.Text), Next: f.Next,
		}
		if !slices.ContainsFunc(out, func(o steer.Concern) bool { return o.Key == c.Key }) { // the worst is first
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b steer.Concern) int { return strings.Compare(a.Key, b.Key) })
	return out[:min(len(out), steer.MaxConcerns)]
}
