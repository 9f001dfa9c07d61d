package cli

import (
	"fmt"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/gate/divert"
)

// divertConfig is for the drivers that have somebody else refuse; nil for inline.
func divertConfig(file *config.Agent, log zerolog.Logger) *divert.Config {
	g := file.Gate
	if g == nil || g.Driver == "inline" || g.Driver == "listen" {
		return nil
	}
	transports := g.Edge.Transports
	if len(transports) == 0 {
		transports = []fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS}
	}
	out := &divert.Config{Transports: transports, Logger: log.With().Str("part", "edge").Logger()}
	if g.Driver == "edge" {
		out.Driver = &divert.Kamailio{Address: g.Edge.Kamailio, Transports: transports}
	} else {
		out.Driver = &divert.Exec{Command: g.Edge.Command, Site: file.Site, Transports: transports}
	}
	return out
}

// refusals turns the rows of the file into the gate's rule table. The defaults
// follow them, so a row of the file goes before any of them.
func refusals(rows []config.Refusal) ([]gate.Refusal, error) {
	var out []gate.Refusal
	for i, r := range rows {
		answer, err := gate.ParseAnswer(r.Answer)
		if err != nil {
			return nil, fmt.Errorf("gate.refusals[%d]: %w", i, err)
		}
		row := gate.Refusal{Agent: r.Agent, Sources: r.Sources, Methods: r.Methods, Transports: r.Transports, Answer: answer}
		if err := row.Validate(); err != nil {
			return nil, fmt.Errorf("gate.refusals[%d]: %w", i, err)
		}
		out = append(out, row)
	}
	return append(out, gate.DefaultRefusals()...), nil
}

// gateCertificates are those of the file, the first one first.
func gateCertificates(g *config.Gate) []gate.CertificateFile {
	var out []gate.CertificateFile
	if g.Certificate != "" {
		out = append(out, gate.CertificateFile{Certificate: g.Certificate, Key: g.Key})
	}
	for _, c := range g.Certificates {
		out = append(out, gate.CertificateFile{Certificate: c.Certificate, Key: c.Key})
	}
	return out
}
