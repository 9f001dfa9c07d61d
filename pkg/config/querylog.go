package config

import (
	"net"
	"path/filepath"
)

// QueryLog passes samples of what is asked and answered on to a collector, in
// the dnstap format.
type QueryLog struct {
	// Socket and TCP are where it listens; one of them.
	Socket string `yaml:"socket,omitempty" json:"socket,omitempty" jsonschema_description:"Path of the Unix socket on which a dnstap collector listens; it may come and go."`
	TCP    string `yaml:"tcp,omitempty" json:"tcp,omitempty" jsonschema_description:"HOST:PORT on which a dnstap collector listens, in place of socket."`
	// Sample is how many exchanges stand for one that is passed on.
	Sample int `yaml:"sample,omitempty" json:"sample,omitempty" jsonschema_description:"One exchange of so many is passed on. Default: 100; 1 is all."`
	// PerSecond bounds them: a flood of questions is no flood of samples.
	PerSecond int `yaml:"per_second,omitempty" json:"per_second,omitempty" jsonschema_description:"At most so many are passed on in a second; others are lost, and counted. Default: 1000."`
}

func (c *agentCheck) queryLog() {
	q := c.agent.DNS.QueryLog
	if q == nil {
		return
	}
	switch {
	case (q.Socket == "") == (q.TCP == ""):
		c.at("$.dns.query_log", "socket: /run/dnstap.sock", "a collector is at a socket or at tcp, and at one of them")
	case q.TCP != "":
		if _, port, err := net.SplitHostPort(q.TCP); err != nil || port == "" {
			c.at("$.dns.query_log.tcp", `tcp: "127.0.0.1:6000"`, "%q is not HOST:PORT", q.TCP)
		}
	case !filepath.IsAbs(q.Socket):
		c.at("$.dns.query_log.socket", "socket: /run/dnstap.sock", "%q is not a full path", q.Socket)
	}
	if q.Sample < 0 {
		c.at("$.dns.query_log.sample", "sample: 100", "sample is %d", q.Sample)
	}
	if q.PerSecond < 0 {
		c.at("$.dns.query_log.per_second", "per_second: 1000", "per_second is %d", q.PerSecond)
	}
}
