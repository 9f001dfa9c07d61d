//go:build !linux

package gate

// PlayRole is for Linux, where processes can be pinned to a processor.
func PlayRole() bool { return false }
