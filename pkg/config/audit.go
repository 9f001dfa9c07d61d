package config

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Audit says where the audit trail is sent.
type Audit struct {
	// Syslog are receivers of RFC 5424.
	Syslog []AuditSyslog `yaml:"syslog,omitempty" json:"syslog,omitempty" jsonschema_description:"Receivers of the audit trail as messages of syslog (RFC 5424). Default: none."`
}

// AuditSyslog is one receiver.
type AuditSyslog struct {
	// To says over what, too. Over udp a message that is lost on the way is lost.
	To string `yaml:"to" json:"to" jsonschema:"maxLength=300" jsonschema_description:"tls://HOST:PORT (RFC 5425), tcp://HOST:PORT (RFC 6587, counted octets), udp://HOST:PORT (RFC 5426; what is lost on the way is lost) or unix:/dev/log."`
	// From is who sends.
	From string `yaml:"from,omitempty" json:"from,omitempty" jsonschema:"enum=leader,enum=every" jsonschema_description:"leader: the agent that leads sends, so each event comes once. every: each agent sends its own trail, also one that is cut off from the others. Default: leader."`
	// CA is whom the receiver's certificate must come from.
	CA string `yaml:"ca,omitempty" json:"ca,omitempty" jsonschema_description:"For tls: PEM file with the authorities that the receiver's certificate may come from; relative to this file. Default: the system's."`
	// Certificate and Key are shown to a receiver that asks who sends.
	Certificate string `yaml:"certificate,omitempty" json:"certificate,omitempty" jsonschema_description:"For tls: PEM file with the certificate that is shown to a receiver that asks for one; relative to this file. Default: none."`
	Key         string `yaml:"key,omitempty" json:"key,omitempty" jsonschema_description:"PEM file with its key, mode 0600 at most; relative to this file."`
}

func (c *agentCheck) audit() {
	var seen []string
	for i, s := range c.agent.Audit.Syslog {
		path := fmt.Sprintf("$.audit.syslog[%d]", i)
		c.syslogAddress(path+".to", s.To)
		if slices.Contains(seen, s.To) {
			c.at(path+".to", "each receiver once", "%q is named twice", s.To)
		}
		seen = append(seen, s.To)
		if s.From != "" {
			c.word(path+".from", s.From, "leader", "every")
		}
		if !strings.HasPrefix(s.To, "tls://") && s.CA+s.Certificate+s.Key != "" {
			c.at(path, "to: tls://HOST:6514", "ca, certificate and key are for tls alone")
			continue
		}
		c.exists(path+".ca", s.CA)
		c.exists(path+".certificate", s.Certificate)
		if (s.Certificate == "") != (s.Key == "") {
			c.at(path, "name both, or none", "a certificate needs its key, and a key its certificate")
		}
		if c.exists(path+".key", s.Key) {
			if err := CheckPrivate(s.Key); err != nil {
				c.at(path+".key", "chmod 600 "+s.Key, "%v", err)
			}
		}
	}
}

// syslogAddress checks where a receiver is.
func (c *agentCheck) syslogAddress(path, to string) {
	const hint = "to: tls://logs.example.net:6514, tcp://logs.example.net:601, udp://127.0.0.1:514 or unix:/dev/log"
	if socket, ok := strings.CutPrefix(to, "unix:"); ok {
		if !filepath.IsAbs(strings.TrimPrefix(socket, "//")) {
			c.at(path, hint, "%q is no full path", socket)
		}
		return
	}
	network, rest, ok := strings.Cut(to, "://")
	host, port, err := net.SplitHostPort(rest)
	n, perr := strconv.ParseUint(port, 10, 16)
	switch {
	case to == "":
		c.at(path, hint, "to is missing")
	case !ok || network != "tls" && network != "tcp" && network != "udp":
		c.at(path, hint, "%q does not begin with tls://, tcp://, udp:// or unix:", to)
	case err != nil || perr != nil || n == 0 || host == "":
		c.at(path, hint, "%q is not HOST:PORT", rest)
	}
}
