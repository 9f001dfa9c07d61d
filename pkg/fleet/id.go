package fleet

import (
	"fmt"
	"strings"
)

// SiteID names a site, for example "calgary". It is a DNS label (RFC 1035
// §2.3.1): it becomes part of published names.
type SiteID string

// SwitchID names a softswitch, unique in the fleet.
type SwitchID string

// ServiceID is the SIP domain of a steered service in lower case and without
// the trailing dot, for example "west.voice.example.net".
type ServiceID string

// AgentID names an agent, unique in the fleet. It is also the Raft server ID.
type AgentID string

// Transport is a SIP transport (RFC 3261 §18, RFC 7118).
type Transport uint8

// The transports. The zero value is invalid.
const (
	UDP Transport = 1 + iota
	TCP
	TLS
	WS
	WSS
)

// Transports lists every valid transport in the order of their values.
var Transports = [...]Transport{UDP, TCP, TLS, WS, WSS}

var transportNames = [...]string{UDP: "udp", TCP: "tcp", TLS: "tls", WS: "ws", WSS: "wss"}

// String returns the transport as it is written in the fleet file and in
// status: udp, tcp, tls, ws, wss.
func (t Transport) String() string {
	if t.Valid() {
		return transportNames[t]
	}
	return fmt.Sprintf("transport(%d)", uint8(t))
}

// Valid reports whether t is one of the five transports.
func (t Transport) Valid() bool { return t >= UDP && t <= WSS }

// Secure reports whether t runs over TLS.
func (t Transport) Secure() bool { return t == TLS || t == WSS }

// Stream reports whether t is connection oriented.
func (t Transport) Stream() bool { return t != UDP }

// Label returns the SRV owner prefix of the transport (RFC 3263 §4.1,
// RFC 7118 §6): "_sip._udp", "_sip._tcp", "_sips._tcp", and "_sip._ws",
// "_sips._ws" for WebSocket.
func (t Transport) Label() string {
	switch t {
	case UDP:
		return "_sip._udp"
	case TCP:
		return "_sip._tcp"
	case TLS:
		return "_sips._tcp"
	case WS:
		return "_sip._ws"
	case WSS:
		return "_sips._ws"
	}
	return ""
}

// NAPTRService returns the NAPTR service field (RFC 3263 §4.1, RFC 7118 §6).
func (t Transport) NAPTRService() string {
	switch t {
	case UDP:
		return "SIP+D2U"
	case TCP:
		return "SIP+D2T"
	case TLS:
		return "SIPS+D2T"
	case WS:
		return "SIP+D2W"
	case WSS:
		return "SIPS+D2W"
	}
	return ""
}

// DefaultPort is the port published when the fleet file names none
// (RFC 3261 §19.1.2, RFC 7118).
func (t Transport) DefaultPort() uint16 {
	switch t {
	case TLS:
		return 5061
	case WS:
		return 80
	case WSS:
		return 443
	}
	return 5060
}

// ParseTransport is the inverse of String. The error says what would be right.
func ParseTransport(s string) (Transport, error) {
	for _, t := range Transports {
		if strings.EqualFold(s, transportNames[t]) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("unknown transport %q (one of udp, tcp, tls, ws, wss)", s)
}

// MarshalText implements encoding.TextMarshaler.
func (t Transport) MarshalText() ([]byte, error) {
	if !t.Valid() {
		return nil, fmt.Errorf("invalid transport %d", uint8(t))
	}
	return []byte(transportNames[t]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Transport) UnmarshalText(b []byte) error {
	v, err := ParseTransport(string(b))
	if err != nil {
		return err
	}
	*t = v
	return nil
}
