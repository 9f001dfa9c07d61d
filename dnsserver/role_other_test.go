//go:build !linux

package dnsserver

// playRole has no role elsewhere.
func playRole() bool { return false }
