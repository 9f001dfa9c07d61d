package runbook

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Format is the version of the file's form.
const Format = 1

// Book is a runbook file.
type Book struct {
	Format  int     `yaml:"format" json:"format" jsonschema:"enum=1" jsonschema_description:"Version of this file's form."`
	Name    string  `yaml:"name" json:"name" jsonschema_description:"Name of the runbook: lower-case words joined by hyphens."`
	Summary string  `yaml:"summary" json:"summary" jsonschema_description:"One sentence: when to run it."`
	Values  []Value `yaml:"values,omitempty" json:"values,omitempty" jsonschema_description:"What is given when it is run, written as ${name} in the steps."`
	// Require is asked before the first step.
	Require []string     `yaml:"require,omitempty" json:"require,omitempty" jsonschema_description:"Conditions that must be true before it starts."`
	AbortIf []string     `yaml:"abort_if,omitempty" json:"abort_if,omitempty" jsonschema_description:"Conditions that make it take everything back by itself."`
	Finally []string     `yaml:"finally,omitempty" json:"finally,omitempty" jsonschema_description:"Conditions that must be true at the end."`
	Steps   []steer.Step `yaml:"steps" json:"steps" jsonschema:"minItems=1,maxItems=100" jsonschema_description:"The steps, in order."`
}

// Value is a blank that is filled in when the runbook is run.
type Value struct {
	Name string `yaml:"name" json:"name" jsonschema_description:"Name of the value."`
	Kind string `yaml:"kind" json:"kind" jsonschema:"enum=site,enum=service,enum=transport,enum=cohort,enum=pace,enum=duration,enum=text" jsonschema_description:"site, service, transport, cohort, pace, duration or text."`
	// Default makes the value optional.
	Default string `yaml:"default,omitempty" json:"default,omitempty" jsonschema_description:"Used when the value is not given. Without it the value is required."`
}

var (
	name  = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	blank = regexp.MustCompile(`\$\{([^}]*)\}`)
	kinds = []string{"site", "service", "transport", "cohort", "pace", "duration", "text"}
	acts  = []steer.Act{
		steer.ActDrain, steer.ActUndrain, steer.ActFailover, steer.ActFailback, steer.ActHold, steer.ActRelease, steer.ActNotify,
		steer.ActWait, steer.ActVerify, steer.ActApprove, steer.ActManual, steer.ActWebhook, steer.ActExec, steer.ActEdge, steer.ActParity, steer.ActStragglers,
	}
	undos = []steer.Act{steer.ActUndrain, steer.ActDrain, steer.ActFailback, steer.ActFailover, steer.ActRelease, steer.ActHold}
)

// Bounds of a runbook.
const (
	maxText  = 1000
	maxLimit = 72 * time.Hour
	maxTries = 10
	maxBlank = 253 // octets of a value
)

// Validate tells everything that is wrong with the file by itself, each at its
// path.
func (b *Book) Validate() []fleet.Problem {
	c := &checker{book: b}
	if b.Format != Format {
		c.bad("$.format", "write format: 1", "form %d is not known", b.Format)
	}
	if !name.MatchString(b.Name) || len(b.Name) > 63 {
		c.bad("$.name", "lower-case words joined by hyphens: evacuate-site", "%q is no name of a runbook", b.Name)
	}
	if strings.TrimSpace(b.Summary) == "" || len(b.Summary) > maxText {
		c.bad("$.summary", "one sentence: when to run it", "the summary is missing, or longer than %d octets", maxText)
	}
	for i, v := range b.Values {
		path := fmt.Sprintf("$.values[%d]", i)
		if !name.MatchString(v.Name) {
			c.bad(path+".name", "lower-case words joined by hyphens", "%q is no name of a value", v.Name)
		}
		if !slices.Contains(kinds, v.Kind) {
			c.bad(path+".kind", "one of "+strings.Join(kinds, ", "), "no kind of value is called %q", v.Kind)
		}
		if slices.IndexFunc(b.Values, func(o Value) bool { return o.Name == v.Name }) != i {
			c.bad(path+".name", "", "%s is there twice", v.Name)
		}
	}
	c.conditions("$.require", b.Require)
	c.conditions("$.abort_if", b.AbortIf)
	c.conditions("$.finally", b.Finally)
	switch {
	case len(b.Steps) == 0:
		c.bad("$.steps", "", "a runbook has at least one step")
	case len(b.Steps) > steer.MaxSteps:
		c.bad("$.steps", "split it into two runbooks", "%d steps, at most %d", len(b.Steps), steer.MaxSteps)
	}
	for i := range b.Steps {
		c.step(i)
	}
	c.cycles()
	return c.problems
}

// checker collects what is wrong.
type checker struct {
	book     *Book
	problems []fleet.Problem
}

func (c *checker) bad(path, hint, format string, args ...any) {
	c.problems = append(c.problems, fleet.Problem{Path: path, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// conditions checks that each compiles: with blanks in place of words, since a
// blank stands inside quotes.
func (c *checker) conditions(path string, list []string) {
	for i, text := range list {
		c.condition(fmt.Sprintf("%s[%d]", path, i), text)
	}
}

func (c *checker) condition(path, text string) {
	c.blanks(path, text)
	if _, err := compile(blank.ReplaceAllString(text, stand)); err != nil {
		c.bad(path, "for example up(\"ottawa\", \"tls\") and not held(); sipsteer runbook conditions lists the words", "the condition cannot be used: %v", err)
	}
}

// blanks checks that every ${name} is a value of the file.
func (c *checker) blanks(path string, texts ...string) {
	for _, text := range texts {
		for _, m := range blank.FindAllStringSubmatch(text, -1) {
			if !slices.ContainsFunc(c.book.Values, func(v Value) bool { return v.Name == m[1] }) {
				c.bad(path, "add it to values, with its kind", "${%s} is no value of this runbook", m[1])
			}
		}
	}
}

// cycles finds steps that wait for each other.
func (c *checker) cycles() {
	steps := c.book.bound()
	state := make([]int, len(steps)) // 0 not seen, 1 on the way, 2 done
	var walk func(i int, way []string) bool
	walk = func(i int, way []string) bool {
		way = append(way, steps[i].ID)
		switch state[i] {
		case 1:
			from := slices.Index(way, steps[i].ID)
			c.bad(fmt.Sprintf("$.steps[%d].after", i), "take one of them out", "steps wait for each other: %s", strings.Join(way[from:], " waits for "))
			return false
		case 2:
			return true
		}
		state[i] = 1
		for _, id := range steps[i].After {
			if j := slices.IndexFunc(steps, func(s steer.Step) bool { return s.ID == id }); j >= 0 && !walk(j, way) {
				return false
			}
		}
		state[i] = 2
		return true
	}
	for i := range steps {
		if !walk(i, nil) {
			return
		}
	}
}

// bound returns the steps with every default written out: what each waits for,
// and its limit.
func (b *Book) bound() []steer.Step {
	steps := slices.Clone(b.Steps)
	for i := range steps {
		s := &steps[i]
		switch {
		case slices.Equal(s.After, []string{"start"}), len(s.After) == 0 && i == 0:
			s.After = nil
		case len(s.After) == 0:
			s.After = []string{steps[i-1].ID}
		}
		if s.Limit == 0 {
			s.Limit = fleet.Duration(time.Hour)
			if s.Do.Outside() {
				s.Limit = fleet.Duration(30 * time.Second)
			}
		}
		if s.Do.Repeatable() && s.Tries == 0 {
			s.Tries = 3
		}
	}
	return steps
}
