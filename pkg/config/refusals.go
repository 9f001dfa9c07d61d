package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Refusal is one row of the gate's rule table: which requests are refused in
// another way than by 503.
type Refusal struct {
	// Agent is a pattern for the User-Agent: in any case, "*" is any text.
	Agent string `yaml:"agent,omitempty" json:"agent,omitempty" jsonschema:"maxLength=128" jsonschema_description:"Pattern for the User-Agent, in any case; * stands for any text. Default: every one."`
	// Sources are networks that the request comes from. Default all.
	Sources []netip.Prefix `yaml:"sources,omitempty" json:"sources,omitempty" jsonschema_description:"Networks that the request comes from: a straggler is 203.0.113.7/32. Default: all."`
	// Methods are those it is for. Default all.
	Methods []string `yaml:"methods,omitempty" json:"methods,omitempty" jsonschema_description:"Methods it is for, in capitals. Default: all."`
	// Transports are those it is for. Default all.
	Transports []fleet.Transport `yaml:"transports,omitempty" json:"transports,omitempty" jsonschema_description:"Transports it is for. Default: all."`
	// Answer: 503, 302, silence, close or pass.
	Answer string `yaml:"answer" json:"answer" jsonschema:"enum=503,enum=302,enum=silence,enum=close,enum=pass" jsonschema_description:"503; 302 to a live site, for devices without SRV; silence; close, which resets the connection; pass, which does not refuse."`
}

const maxRefusals = 32

var (
	methodShape = regexp.MustCompile(`^[A-Z0-9.!%*_+~-]{1,32}$`)
	answerWords = []string{"503", "302", "silence", "close", "pass"}
	// neverNew are methods that begin nothing, so a drain never refuses them.
	neverNew = []string{"ACK", "BYE", "CANCEL", "PRACK"}
)

func (c *agentCheck) refusals() {
	rows := c.agent.Gate.Refusals
	if len(rows) > maxRefusals {
		c.at("$.gate.refusals", "join rows by patterns", "%d rows, at most %d", len(rows), maxRefusals)
	}
	for i, r := range rows {
		c.refusal(fmt.Sprintf("$.gate.refusals[%d]", i), r)
	}
}

func (c *agentCheck) refusal(path string, r Refusal) {
	if r.Answer == "" {
		c.at(path, "answer: 503, 302, silence, close or pass", "answer is missing")
		return
	}
	c.word(path+".answer", r.Answer, answerWords...)
	for i, b := range []byte(r.Agent) {
		if b < ' ' || b > '~' || i >= 128 {
			c.at(path+".agent", `a pattern such as "Polycom*"`, "agent is more than 128 octets of printable ASCII")
			break
		}
	}
	c.networks(path+".sources", r.Sources)
	for i, m := range r.Methods {
		at := fmt.Sprintf("%s.methods[%d]", path, i)
		switch {
		case !methodShape.MatchString(m):
			c.at(at, "methods: [REGISTER, INVITE]", "%q is no method", m)
		case slices.Contains(neverNew, m):
			c.at(at, "delete it", "%s begins nothing new, so it is never refused", m)
		case r.Answer == "pass" && (m == "REGISTER" || m == "INVITE"):
			c.at(at, "pass is for methods such as OPTIONS", "a drain that passes %s moves nobody", m)
		}
	}
	if r.Answer == "pass" && len(r.Methods) == 0 {
		c.at(path+".answer", "methods: [OPTIONS]", "pass needs methods: a drain that passes all moves nobody")
	}
	if r.Answer == "close" && len(r.Transports) > 0 && !slices.ContainsFunc(r.Transports, fleet.Transport.Stream) {
		c.at(path+".answer", "answer: silence", "udp has no connection to close")
	}
}
