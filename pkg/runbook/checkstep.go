package runbook

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// step checks one step by itself.
func (c *checker) step(i int) {
	s := &c.book.Steps[i]
	path := fmt.Sprintf("$.steps[%d]", i)
	if !name.MatchString(s.ID) || s.ID == "start" {
		c.bad(path+".id", "lower-case words joined by hyphens; start is taken", "%q is no name of a step", s.ID)
	}
	if slices.IndexFunc(c.book.Steps, func(o steer.Step) bool { return o.ID == s.ID }) != i {
		c.bad(path+".id", "", "another step is called %s too", s.ID)
	}
	if !slices.Contains(acts, s.Do) {
		c.bad(path+".do", "one of "+words(acts), "no step does %q", s.Do)
		return
	}
	for _, id := range s.After {
		switch {
		case id == "start" && len(s.After) == 1:
		case id == s.ID:
			c.bad(path+".after", "", "%s waits for itself", id)
		case !slices.ContainsFunc(c.book.Steps, func(o steer.Step) bool { return o.ID == id }):
			c.bad(path+".after", "the names of other steps, or [start]", "no step is called %q", id)
		}
	}
	c.blanks(path, s.Text, s.For, s.Site, s.Service, s.Transport, s.Cohort, s.Pace, s.URL, s.Body)
	c.blanks(path, s.Command...)
	for what, text := range map[string]string{"require": s.Require, "until": s.Until} { // any order: problems are sorted by their place
		if text != "" {
			c.condition(path+"."+what, text)
		}
	}
	c.needs(s, path)
	c.limits(s, path)
	c.whom(s, path)
	c.undo(s, path)
}

func words[T ~string](list []T) string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = string(x)
	}
	return strings.Join(out, ", ")
}

// needs checks what an act cannot do without, and what it has no use for.
func (c *checker) needs(s *steer.Step, path string) {
	need := func(ok bool, field, hint string) {
		if !ok {
			c.bad(path+"."+field, hint, "a step that does %s needs %s", s.Do, field)
		}
	}
	switch s.Do {
	case steer.ActDrain, steer.ActUndrain, steer.ActFailover, steer.ActFailback, steer.ActStragglers:
		need(s.Site != "", "site", "site: ${site}, or the name of one")
	case steer.ActWait, steer.ActVerify:
		need(s.Until != "", "until", `until: up("ottawa", "tls")`)
	case steer.ActApprove, steer.ActManual, steer.ActNotify:
		need(strings.TrimSpace(s.Text) != "", "text", "what people read")
	case steer.ActWebhook:
		u, err := url.Parse(blank.ReplaceAllString(s.URL, "x"))
		need(s.URL != "" && err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "", "url", "url: https://hooks.example.net/drained")
	case steer.ActExec:
		need(len(s.Command) > 0 && strings.HasPrefix(s.Command[0], "/"), "command", "command: [/usr/local/bin/program, argument]")
	case steer.ActEdge:
		need(s.Site != "", "site", "site: ${site}: whose edge")
		need(len(s.Command) > 0 && s.Command[0] != "", "command", "command: [dispatcher.reload]")
	}
	c.needless(s, path)
}

// needless finds what an act has no use for.
func (c *checker) needless(s *steer.Step, path string) {
	if s.Do != steer.ActWebhook && (s.URL != "" || s.Body != "") {
		c.bad(path+".url", "take it out, or write do: webhook", "only a webhook has url and body")
	}
	if !s.Do.Repeatable() && s.Tries != 0 {
		c.bad(path+".tries", "take it out", "only webhook, parity and stragglers have tries")
	}
	if s.Do != steer.ActExec && s.Do != steer.ActEdge && len(s.Command) > 0 {
		c.bad(path+".command", "take it out, or write do: exec", "only exec and edge have a command")
	}
	if s.Do != steer.ActApprove && s.People != 0 {
		c.bad(path+".people", "add a step that does approve before it", "only approve counts people")
	}
	if s.Do == steer.ActApprove && s.OnLimit == steer.LimitSkip {
		c.bad(path+".on_limit", "stop or undo", "an approval that is left out when nobody answers is none")
	}
	if s.Role != "" && s.Role != steer.RoleOperator && s.Role != steer.RoleAdmin {
		c.bad(path+".role", "operator or admin", "no role that can be needed is called %q", s.Role)
	}
	if s.Stays > 0 && s.Until == "" {
		c.bad(path+".stays", "add until", "stays says how long until is true")
	}
}

func (c *checker) limits(s *steer.Step, path string) {
	if len(s.Text) > maxText || len(s.Body) > maxText || len(s.Until)+len(s.Require) > 2*maxText {
		c.bad(path, "keep it short", "a text of the step has more than %d octets", maxText)
	}
	for field, d := range map[string]fleet.Duration{"limit": s.Limit, "stays": s.Stays} { // any order: problems are sorted by their place
		if d < 0 || d.D() > maxLimit {
			c.bad(path+"."+field, "for example 10m", "%s is %s, at most %s", field, d, maxLimit)
		}
	}
	if d, err := time.ParseDuration(blank.ReplaceAllString(s.For, "1h")); s.For != "" && (err != nil || d <= 0 || d > maxLimit) {
		c.bad(path+".for", "for example 2h", "%q is no duration up to %s", s.For, maxLimit)
	}
	if s.Limit > 0 && s.Stays >= s.Limit {
		c.bad(path+".stays", "a longer limit, or a shorter stays", "stays (%s) cannot be over before the limit (%s)", s.Stays, s.Limit)
	}
	if !slices.Contains([]steer.OnLimit{"", steer.LimitStop, steer.LimitSkip, steer.LimitUndo}, s.OnLimit) {
		c.bad(path+".on_limit", "stop, skip or undo", "%q says not what follows", s.OnLimit)
	}
	if s.People < 0 || s.People > 9 {
		c.bad(path+".people", "2 for two-person approval", "%d people", s.People)
	}
	if s.Tries < 0 || s.Tries > maxTries {
		c.bad(path+".tries", fmt.Sprintf("1 to %d", maxTries), "%d tries", s.Tries)
	}
	if _, err := fleet.ParseTransport(s.Transport); s.Transport != "" && err != nil && !blank.MatchString(s.Transport) {
		c.bad(path+".transport", "", "%v", err)
	}
}

func (c *checker) undo(s *steer.Step, path string) {
	if s.Undo == nil {
		return
	}
	c.blanks(path+".undo", s.Undo.Site, s.Undo.Service, s.Undo.Transport, s.Undo.Cohort, s.Undo.Pace)
	if !slices.Contains(undos, s.Undo.Do) {
		c.bad(path+".undo.do", "one of "+words(undos), "%q takes nothing back", s.Undo.Do)
	}
	if s.Undo.Do != steer.ActHold && s.Undo.Do != steer.ActRelease && s.Undo.Site == "" && s.Site == "" {
		c.bad(path+".undo.site", "site: ${site}", "which site is taken back?")
	}
}
