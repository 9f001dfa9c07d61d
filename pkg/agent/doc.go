// Package agent is the composition root of one agent: it joins the replicated
// State, the checks, the name server, the gate and the API, and starts and
// stops them in a fixed order. The decisions are package steer's.
//
// What an agent answers never waits for another agent: the name server and the
// gate follow the last State that was committed, from memory, and after a
// restart from a file, for as long as there is no leader.
package agent
