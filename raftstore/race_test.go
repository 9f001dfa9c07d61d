//go:build race

package raftstore

// The race detector makes exhaustive loops ten times as long, and they have one
// goroutine: it sees a sample.
const stride = 13

// CalmMinutes: a virtual minute of three members is a second of the detector's.
const CalmMinutes = 2

// VanishRuns is shorter here for the same reason.
const VanishRuns = 20
