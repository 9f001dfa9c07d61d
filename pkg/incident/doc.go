// Package incident makes the report of an outage (RFO) from the record that the
// core keeps of it: measured times, impact with its method, the timeline, what
// was done by the program and what by people, what to do next. It renders the
// report in English and French, for people and for programs. It decides nothing
// and asks nobody: the same record gives the same report.
package incident
