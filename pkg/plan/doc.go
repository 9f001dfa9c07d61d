// Package plan shows a change before it is made. It runs the very functions
// that the live agents run — steer.Apply, Decide, Records and GateStates — on a
// copy of the State, and forward in time, and describes the difference. It
// proposes nothing.
package plan
