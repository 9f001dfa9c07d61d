// Package runbook knows procedures: what a file may say, how its values are
// filled in, whether its conditions are true, and what the leader does next. It
// does nothing itself: it is asked again after each step, by whoever leads, and
// answers from the State alone.
package runbook
