package runbook

import (
	"fmt"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// explain says how what a condition asks stands now, one sentence for each word
// of it that has something to say.
func (f *Facts) explain(condition string, now time.Time) []string {
	p, err := compile(condition)
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, c := range callsOf(p) {
		if text := f.stands(c, now); text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// call is one word of a condition with its names.
type call struct {
	word  string
	args  []string // that are written out
	given int
}

// callsOf lists the words of a condition.
func callsOf(p *vm.Program) []call {
	w := &wordsOf{}
	node := p.Node()
	ast.Walk(&node, w)
	return w.calls
}

// wordsOf collects the words of a condition.
type wordsOf struct{ calls []call }

// Visit implements ast.Visitor.
func (w *wordsOf) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.CallNode)
	if !ok {
		return
	}
	word, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return
	}
	c := call{word: word.Value, given: len(n.Arguments)}
	for _, a := range n.Arguments {
		if s, ok := a.(*ast.StringNode); ok {
			c.args = append(c.args, s.Value)
		}
	}
	w.calls = append(w.calls, c)
}

// stands says how one word stands.
func (f *Facts) stands(c call, now time.Time) string {
	site := ""
	if len(c.args) > 0 {
		site = c.args[0]
	}
	switch c.word {
	case "stage":
		return f.stageStands(fleet.SiteID(site), now)
	case "share", "answers":
		return f.shareStands(c, fleet.SiteID(site), now)
	case "up", "well":
		return f.notUp(func(s fleet.SiteID) bool { return string(s) == site })
	case "others_well":
		return f.notUp(func(s fleet.SiteID) bool { return string(s) != site })
	case "all_well":
		return f.notUp(func(fleet.SiteID) bool { return true })
	case "left":
		n, err := f.left(site, c.rest()...)
		if err != nil {
			return err.Error()
		}
		text := fmt.Sprintf("%d registrations left at %s%s", n, site, c.about())
		if c.given > 1 {
			return text
		}
		if t, ok := f.Empty[fleet.SiteID(site)]; ok {
			text += ", the last one expected to leave at " + clock(t)
		}
		return text
	case "stragglers":
		n, err := f.counted("stragglers", f.Stragglers, site)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%d stragglers at %s", n, site)
	case "behind":
		return fmt.Sprintf("%d agents do not answer epoch %d yet", f.Behind, f.State.Epoch)
	}
	return ""
}

func clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) + " UTC" }

// until is how long from now, to the second.
func until(t, now time.Time) time.Duration { return max(0, t.Sub(now).Round(time.Second)) }

// stageStands names what the stage of a drain waits for.
func (f *Facts) stageStands(site fleet.SiteID, now time.Time) string {
	for _, d := range f.State.Drains {
		if d.Site != site {
			continue
		}
		wait, ok := steer.StageTime(f.State.Fleet, d)
		if !ok {
			return fmt.Sprintf("the drain of %s is done", d.Scope())
		}
		left := until(d.StageAt.Add(wait), now)
		switch d.Stage {
		case steer.StageAnnounce:
			return fmt.Sprintf("%s is announced at a worse priority: out of the answers in %s (TTL %s and a grace)", d.Scope(), left, d.OldTTL)
		case steer.StageRegister:
			return fmt.Sprintf("%s refuses registrations for %s more: phones register elsewhere within a registration period (%s)", d.Scope(), left, f.State.Fleet.Policy.RegistrationPeriod)
		default:
			return fmt.Sprintf("%s refuses all new work: old answers run out in %s", d.Scope(), left)
		}
	}
	return fmt.Sprintf("%s is not drained", site)
}

// rest are the names behind the first one.
func (c call) rest() []string { return c.args[min(1, len(c.args)):] }

// about says of whom a word is, where it is not of everyone.
func (c call) about() string {
	text := ""
	if len(c.args) > 1 && c.args[1] != "" {
		text = " for " + c.args[1]
	}
	if len(c.args) > 2 && c.args[2] != "" && c.args[2] != steer.Whole {
		text += " of the tenants " + c.args[2]
	}
	return text
}

// shareStands names what a return waits for.
func (f *Facts) shareStands(c call, site fleet.SiteID, now time.Time) string {
	for _, b := range f.State.Failbacks {
		if b.Site != site {
			continue
		}
		if b.Step < 0 {
			return fmt.Sprintf("%s comes back from %s on (in %s): nobody is moved twice within a registration period", site, clock(b.NotBefore), until(b.NotBefore, now))
		}
		next := b.StepAt.Add(f.State.Fleet.Policy.FailbackInterval.D())
		return fmt.Sprintf("%s takes %d %%, the next step is due in %s if it stays well", site, f.State.Fleet.Policy.FailbackSteps[b.Step], until(next, now))
	}
	n, err := f.share(string(site), c.rest()...)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s takes %d %%%s", site, n, c.about())
}

// notUp lists what is not up at sites.
func (f *Facts) notUp(of func(fleet.SiteID) bool) string {
	if f.State.Fleet == nil {
		return ""
	}
	text := ""
	for i := range f.State.Fleet.Sites {
		site := &f.State.Fleet.Sites[i]
		for _, t := range site.Transports() {
			if st := f.State.SiteStatus(site.Name, t); of(site.Name) && st != health.Up {
				if text != "" {
					text += ", "
				}
				text += fmt.Sprintf("%s %s is %s", site.Name, t, st)
			}
		}
	}
	return text
}
