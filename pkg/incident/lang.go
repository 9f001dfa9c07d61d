package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Lang is the language of a rendered report.
type Lang string

// The languages.
const (
	English Lang = "en"
	French  Lang = "fr"
)

// Langs lists them.
func Langs() []Lang { return []Lang{English, French} }

// language is everything that a report needs to be written in one language.
type language struct {
	words  map[string]string // by key; formats take their values by index
	months [12]string
	// date and clock are how a time is written.
	date   func(l *language, t time.Time) string
	and    string
	group  string // between thousands
	causes map[string]string
}

func languageOf(l Lang) (*language, error) {
	switch l {
	case English, "":
		return &english, nil
	case French:
		return &french, nil
	}
	return nil, fmt.Errorf("no report can be written in %q: one of en, fr", string(l))
}

// say returns the sentence of a key. A missing key is a fault of the catalogue
// and shows as the key; a test finds it.
func (l *language) say(key string, args ...any) string {
	f, ok := l.words[key]
	switch {
	case !ok:
		return key
	case len(args) == 0:
		return f
	}
	return fmt.Sprintf(f, args...)
}

// cause says in words for customers what the checks said.
func (l *language) cause(c string) string {
	if w, ok := l.causes[c]; ok {
		return w
	}
	return l.causes[""]
}

func (l *language) list(items []string) string {
	switch len(items) {
	case 0:
		return ""
	case 1:
		return items[0]
	}
	return strings.Join(items[:len(items)-1], ", ") + " " + l.and + " " + items[len(items)-1]
}

// took writes a duration with its two biggest units.
func took(d time.Duration) string {
	d = d.Round(time.Second)
	var parts []string
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / u.size; n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d -= n * u.size
		} else if len(parts) == 1 {
			break
		}
	}
	if len(parts) == 0 {
		return "0 s"
	}
	return strings.Join(parts, " ")
}

// number writes n with its thousands apart.
func (l *language) number(n int) string {
	s := fmt.Sprint(n)
	var groups []string
	for len(s) > 3 {
		groups, s = append(groups, s[len(s)-3:]), s[:len(s)-3]
	}
	groups = append(groups, s)
	slices.Reverse(groups)
	return strings.Join(groups, l.group)
}

func (l *language) day(t time.Time) string { return l.date(l, t) }

// moment is the day, the time and the zone.
func (l *language) moment(t time.Time) string {
	return l.say("moment", l.day(t), t.Format("15:04:05"), zone(t))
}

// zone names the offset always, since letters are ambiguous.
func zone(t time.Time) string {
	name, offset := t.Zone()
	utc := "UTC" + t.Format("-07:00")
	if offset == 0 {
		return "UTC"
	}
	if name == "" || strings.ContainsAny(name, "+-") {
		return utc
	}
	return name + ", " + utc
}
