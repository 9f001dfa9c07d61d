// Package sim plays a scenario in virtual time: phones, resolvers, links,
// softswitches and their faults around the real core. Whether a check has
// failed is counted by health.Counter, agreed on by health.Combine; what is
// done about it is decided by steer.Decide and carried out by steer.Apply; what
// phones are told is steer.Records and steer.GateStates. Only what stands
// around these is simulated.
//
// It is one loop over one queue of events, without goroutines, clock or I/O:
// the same scenario with the same seed gives the same result. A phone of which
// nothing new can come is parked until the world changes (calm.go), so that a
// day of a million phones takes seconds.
//
// What is simplified is said in DESIGN.md.
package sim
