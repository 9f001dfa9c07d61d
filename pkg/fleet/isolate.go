package fleet

import (
	"cmp"
	"time"
)

// Isolate says what becomes of a source that sends far more to a gate than it
// usually does and than others do.
type Isolate struct {
	// Automation: off names none, advise names it with the command to type, act
	// keeps it out for a while. Default advise.
	Automation Automation `json:"automation,omitempty" yaml:"automation,omitempty" jsonschema:"enum=off,enum=advise,enum=act" jsonschema_description:"What becomes of a source that sends far more to a gate than it usually does and than others do: off names none, advise names it with the command to type, act keeps it out for a while. Default: advise."`
	// PerSecond is the rate of new requests below which no source is abnormal.
	// Default 50; four times that while a site is out of answers.
	PerSecond int `json:"per_second,omitempty" yaml:"per_second,omitempty" jsonschema:"minimum=1,maximum=100000" jsonschema_description:"New requests in a second below which no source is abnormal; four times as many while a site is out of answers, whose phones come to the others. Default: 50."`
	// Times is how many times its own usual rate, and that of 95 % of the others,
	// a source must send. Default 10.
	Times int `json:"times,omitempty" yaml:"times,omitempty" jsonschema:"minimum=2,maximum=1000" jsonschema_description:"How many times its own usual rate, and that of 95 % of the others, it must send. Default: 10."`
	// Learn is for how long a gate only learns after its start. Default 10m.
	Learn Duration `json:"learn,omitzero" yaml:"learn,omitempty" jsonschema_description:"For how long a gate only learns after its start, and names no source. Default: 10m."`
	// Window is the time over which a gate counts what a source sends; one that is
	// abnormal in three of them in a row is named. Shorter finds it sooner and takes
	// a burst for a flood. Default 10s.
	Window Duration `json:"window,omitzero" yaml:"window,omitempty" jsonschema_description:"The time over which a gate counts what a source sends, 1s to 1m; one that is abnormal in three of them in a row is named. Shorter finds it sooner, and takes a burst for a flood. Default: 10s."`
	// For is how long automation keeps a source out. Default 30m.
	For Duration `json:"for,omitzero" yaml:"for,omitempty" jsonschema_description:"For how long automation keeps a source out. Default: 30m."`
	// MaxSources is how many sources automation may keep out at one time, at all
	// sites together. Default 3.
	MaxSources int `json:"max_sources,omitempty" yaml:"max_sources,omitempty" jsonschema:"minimum=1,maximum=20" jsonschema_description:"How many sources automation may keep out at one time, at all sites together: each a single address, with IPv6 a /64. Default: 3."`
}

const (
	// maxLearn bounds Isolate.Learn.
	maxLearn = 24 * time.Hour
	// minWindow and maxWindow bound Isolate.Window: a gate looks once a second, and
	// sources are told apart in a table that a long window fills.
	minWindow, maxWindow = time.Second, time.Minute
)

// IsZero reports whether nothing is set.
func (i Isolate) IsZero() bool { return i == Isolate{} }

// WithDefaults returns i with every unset field at its default.
func (i Isolate) WithDefaults() Isolate {
	return Isolate{
		Automation: cmp.Or(i.Automation, AutomationAdvise), PerSecond: cmp.Or(i.PerSecond, 50), Times: cmp.Or(i.Times, 10),
		Learn: cmp.Or(i.Learn, Duration(10*time.Minute)), Window: cmp.Or(i.Window, Duration(10*time.Second)), For: cmp.Or(i.For, Duration(30*time.Minute)), MaxSources: cmp.Or(i.MaxSources, 3),
	}
}

func (v *validation) isolate(i Isolate, maxFor Duration) {
	i = i.WithDefaults()
	switch i.Automation {
	case AutomationOff, AutomationAdvise, AutomationAct:
	default:
		v.add("$.policy.isolate.automation", "off, advise or act", "automation is %q", i.Automation)
	}
	for _, n := range []struct {
		field       string
		value       int
		least, most int
		hint        string
	}{
		{"per_second", i.PerSecond, 1, 100000, "1 to 100000"},
		{"times", i.Times, 2, 1000, "2 to 1000"},
		{"max_sources", i.MaxSources, 1, 20, "1 to 20"},
	} {
		if n.value < n.least || n.value > n.most {
			v.add("$.policy.isolate."+n.field, n.hint, "%s is %d", n.field, n.value)
		}
	}
	if i.Learn < 0 || i.Learn.D() > maxLearn {
		v.add("$.policy.isolate.learn", "above zero, at most 24h", "learn is %s", i.Learn)
	}
	if i.Window.D() < minWindow || i.Window.D() > maxWindow {
		v.add("$.policy.isolate.window", "1s to 1m", "window is %s", i.Window)
	}
	if i.For < Duration(time.Minute) || i.For > maxFor {
		v.add("$.policy.isolate.for", "1m to max_for, "+maxFor.String(), "for is %s", i.For)
	}
}
