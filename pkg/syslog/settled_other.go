//go:build !linux

package syslog

import "net"

// settled cannot be asked of this kernel.
func settled(net.Conn) (bool, error) { return true, nil }
