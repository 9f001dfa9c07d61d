// Package raftstore replicates a state machine among the agents of a fleet: it
// knows elections, the log, snapshots, their files and their damage. It does not
// know what the entries mean.
//
// It is the only package that knows hashicorp/raft. Open gives a Store; Propose
// changes the state on all members, or says exactly what is known of the
// attempt; the Machine is given every committed entry once, in the same order
// everywhere; Config.Lead runs on the one member that leads, after its Machine
// has caught up.
//
// DESIGN.md in this directory has the reasons: file formats, the commit push,
// timings, what happens on a bad disk, and how to replace a damaged member.
package raftstore
