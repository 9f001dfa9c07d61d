//go:build race

package raftstore

// The race detector makes exhaustive loops ten times as long, and they have one
// goroutine: it sees a sample.
const stride = 13
