// Package steer is the core: it knows the replicated State of a fleet and is
// the only code that changes it. Live agents, plan and the simulator call the
// same four functions:
//
//	Apply(State, Command) (State, []Event, error)   the only way State changes
//	Decide(State, Input) []Command                  what the leader does by itself
//	Records(State) srv.Zone                         what every name server says
//	GateStates(State) map[SiteID]GateState          what every gate does
//
// All four are functions of their arguments: no I/O, no clock, no goroutine.
// Time is a field of the Command, stamped by the leader. The guards (guard.go)
// run inside Apply, so nothing goes round them; a refusal is an Event and a
// *Refusal error that names the rule, the value now and the limit.
package steer
