package config

import (
	"fmt"
	"net/netip"
)

// GateLimits keep single sources and storms from taking a gate down. Zero means
// the default.
type GateLimits struct {
	// PerSource is requests per second that begin something new, from one
	// address. What is more is dropped, and the source is named.
	PerSource int `yaml:"per_source,omitempty" json:"per_source,omitempty" jsonschema:"minimum=1" jsonschema_description:"Requests per second that begin something new, from one address (one /64 with IPv6); more is dropped, and the source is named. Default: 1000."`
	// ConnectionsPerSource bounds the connections of one address.
	ConnectionsPerSource int `yaml:"connections_per_source,omitempty" json:"connections_per_source,omitempty" jsonschema:"minimum=1" jsonschema_description:"Connections of one address. Default: 1000."`
	// Connections bounds all connections of phones.
	Connections int `yaml:"connections,omitempty" json:"connections,omitempty" jsonschema:"minimum=1" jsonschema_description:"Connections in all, each about 16 KiB of memory, with TLS about 40. Default: 20000."`
	// Handshakes bounds TLS handshakes under way; sources wait in turn.
	Handshakes int `yaml:"handshakes,omitempty" json:"handshakes,omitempty" jsonschema:"minimum=1" jsonschema_description:"TLS handshakes under way at once; the others wait, each source in its turn. Default: 256."`
	// Exempt are networks without the limits for single sources.
	Exempt []netip.Prefix `yaml:"exempt,omitempty" json:"exempt,omitempty" jsonschema_description:"Networks without the limits for single sources: trunks, session border controllers, carrier-grade NAT. Default: loopback only."`
}

// limits refuses what was written and makes no sense; a written zero has been
// refused before.
func (c *agentCheck) limits() {
	l := c.agent.Gate.Limits
	for _, x := range []struct {
		key string
		n   int
	}{{"per_source", l.PerSource}, {"connections_per_source", l.ConnectionsPerSource}, {"connections", l.Connections}, {"handshakes", l.Handshakes}} {
		if x.n < 0 {
			c.at("$.gate.limits."+x.key, "a number above zero, or leave it out for the default", "%d is below zero", x.n)
		}
	}
	c.networks("$.gate.limits.exempt", l.Exempt)
}

// networks refuses one that is written as a host with a length: nobody knows
// which of the two was meant.
func (c *agentCheck) networks(path string, all []netip.Prefix) {
	for i, p := range all {
		if p.IsValid() && p != p.Masked() {
			c.at(fmt.Sprintf("%s[%d]", path, i), p.Masked().String(), "%s has bits set beyond its length", p)
		}
	}
}
