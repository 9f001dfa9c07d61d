package fleet

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Pace is by what the steps of a failback go.
type Pace string

// The paces. The zero value is PaceWeights.
const (
	// PaceWeights gives the returning site a share as its SRV weight: phones of
	// one customer come back one after the other.
	PaceWeights Pace = "weights"
	// PaceCohorts brings a share of the tenants back, each with all its phones;
	// devices without a tenant come back by weights.
	PaceCohorts Pace = "cohorts"
)

// Valid reports whether the pace is a known one, or "".
func (p Pace) Valid() bool { return p == "" || p == PaceWeights || p == PaceCohorts }

// FailbackPolicy says how and when traffic comes back.
type FailbackPolicy struct {
	// Pace is by what the steps go: weights or cohorts. Default weights.
	Pace Pace `json:"pace,omitempty" yaml:"pace,omitempty" jsonschema:"enum=weights,enum=cohorts" jsonschema_description:"By what the failback_steps go: weights gives the site a share of all phones, cohorts a share of the tenants, each with all its phones. Default: weights."`
	// Windows are the times of the week in which traffic may come back. Default:
	// any time.
	Windows []string `json:"windows,omitempty" yaml:"windows,omitempty" jsonschema_description:"Times of the week in which traffic may come back: mon-thu 02:00-05:00, sun 01:00-06:00. Default: any time."`
	// Blocked are times in which it may not, windows or none.
	Blocked []string `json:"blocked,omitempty" yaml:"blocked,omitempty" jsonschema_description:"Times of the week in which traffic does not come back, inside a window or not: mon-fri 07:00-19:00. Default: none."`
	// TimeZone is whose clock the windows are by: an IANA name. Default UTC.
	TimeZone string `json:"time_zone,omitempty" yaml:"time_zone,omitempty" jsonschema_description:"Whose clock the windows are by, summer time included: America/Edmonton. Default: UTC."`
}

// IsZero reports whether nothing is set.
func (p FailbackPolicy) IsZero() bool {
	return p.Pace == "" && len(p.Windows)+len(p.Blocked) == 0 && p.TimeZone == ""
}

// Timed reports whether traffic may not come back at any time.
func (p FailbackPolicy) Timed() bool { return len(p.Windows)+len(p.Blocked) > 0 }

// Zone is the name of the windows' time zone.
func (p FailbackPolicy) Zone() string {
	if p.TimeZone == "" {
		return "UTC"
	}
	return p.TimeZone
}

// String says in words when traffic comes back.
func (p FailbackPolicy) String() string {
	var words []string
	if len(p.Windows) > 0 {
		words = append(words, strings.Join(p.Windows, ", "))
	}
	if len(p.Blocked) > 0 {
		words = append(words, "not "+strings.Join(p.Blocked, ", "))
	}
	return strings.Join(words, "; ") + " " + p.Zone()
}

// Schedule is the windows of a valid policy.
func (p FailbackPolicy) Schedule() Schedule {
	var s Schedule
	for _, text := range p.Windows {
		if w, err := ParseWindow(text); err == nil {
			s.open = append(s.open, w)
		}
	}
	for _, text := range p.Blocked {
		if w, err := ParseWindow(text); err == nil {
			s.blocked = append(s.blocked, w)
		}
	}
	return s
}

// zoneName is the form of an IANA time zone's name. Whether there is one of
// that name is looked up where the file is read: the pure packages know no
// zones.
var zoneName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$`)

func (v *validation) failback(p FailbackPolicy) {
	if !p.Pace.Valid() {
		v.add("$.policy.failback.pace", "weights or cohorts", "no pace is called %q", p.Pace)
	}
	if p.TimeZone != "" && !zoneName.MatchString(p.TimeZone) {
		v.add("$.policy.failback.time_zone", "America/Edmonton", "%q is no name of a time zone", p.TimeZone)
	}
	good := true
	for _, list := range []struct {
		key     string
		windows []string
	}{{"windows", p.Windows}, {"blocked", p.Blocked}} {
		for i, w := range list.windows {
			if _, err := ParseWindow(w); err != nil {
				good = false
				v.add(fmt.Sprintf("$.policy.failback.%s[%d]", list.key, i), "mon-thu 02:00-05:00", "%v", err)
			}
		}
	}
	if _, opens := p.Schedule().Next(time.Unix(0, 0)); good && !opens {
		v.add("$.policy.failback.blocked", "leave a part of a window open", "no time of the week is left in which traffic may come back")
	}
}
