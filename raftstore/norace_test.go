//go:build !race

package raftstore

const stride = 1

// CalmMinutes is how long, in virtual time, a leader has to lead for
// TestNoFalseElection.
const CalmMinutes = 10

// VanishRuns is how many leaders vanish for TestVanishedLeaderIsMissed.
const VanishRuns = 100
