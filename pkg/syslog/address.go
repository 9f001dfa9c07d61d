package syslog

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// Address is where a receiver is.
type Address struct {
	Network string // tls, tcp, udp or unixgram
	Host    string // HOST:PORT, or the socket's path
}

// ParseAddress reads tls://HOST:PORT, tcp://HOST:PORT, udp://HOST:PORT or
// unix:/PATH.
func ParseAddress(s string) (Address, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if path = strings.TrimPrefix(path, "//"); !filepath.IsAbs(path) {
			return Address{}, fmt.Errorf("%q is no full path: unix:/dev/log", path)
		}
		return Address{"unixgram", path}, nil
	}
	network, rest, ok := strings.Cut(s, "://")
	if !ok || network != "tls" && network != "tcp" && network != "udp" {
		return Address{}, fmt.Errorf("%q is none of tls://HOST:PORT, tcp://HOST:PORT, udp://HOST:PORT, unix:/PATH", s)
	}
	host, port, err := net.SplitHostPort(rest)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || n == 0 || host == "" {
		usual := map[string]string{"tls": "6514", "tcp": "601", "udp": "514"}[network]
		return Address{}, fmt.Errorf("%q is not HOST:PORT, for example %s://logs.example.net:%s", rest, network, usual)
	}
	return Address{network, rest}, nil
}

// stream reports whether lines follow each other in one connection.
func (a Address) stream() bool { return a.Network == "tls" || a.Network == "tcp" }
