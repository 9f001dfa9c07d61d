package notify

import "slices"

// Route says which messages go to a channel. The zero value takes all.
type Route struct {
	Least  string   // least severity
	Topics []string // empty: all
	Roles  []string // with some, only what asks something of one of these roles
}

// Topics of messages.
const (
	TopicIncident   = "incident"
	TopicAutomation = "automation" // what the program did or proposes by itself
	TopicRunbook    = "runbook"
	TopicReadiness  = "readiness"
	TopicNotice     = "notice" // what a runbook tells people
)

// AllTopics lists them.
func AllTopics() []string {
	return []string{TopicIncident, TopicAutomation, TopicRunbook, TopicReadiness, TopicNotice}
}

// Takes reports whether the message goes there. That a thing is over is told to
// whom its worst was told: PagerDuty and the like would never close it else.
func (r Route) Takes(m Message) bool {
	return (m.Over || atLeast(m.Severity, r.Least)) &&
		(len(r.Topics) == 0 || slices.Contains(r.Topics, m.Topic)) &&
		(len(r.Roles) == 0 || slices.Contains(r.Roles, m.Role))
}

// Severities, least first.
func Severities() []string { return []string{"info", "minor", "major", "critical"} }

// atLeast reports whether a severity reaches a bound; an empty bound is none.
func atLeast(severity, bound string) bool {
	return bound == "" || slices.Index(Severities(), severity) >= slices.Index(Severities(), bound)
}
