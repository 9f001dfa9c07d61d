package cli

import (
	"fmt"
	"slices"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/gate/divert"
)

// divertConfig is for the drivers that have somebody else refuse; nil for inline.
func divertConfig(file *config.Agent, log zerolog.Logger) (*divert.Config, error) {
	g := file.Gate
	if g == nil || g.Driver == "inline" || g.Driver == "listen" {
		return nil, nil
	}
	var all []divert.Named
	for _, name := range append([]string{g.Driver}, g.Fallback...) {
		d, err := gateDriver(name, file)
		if err != nil {
			return nil, fmt.Errorf("configure driver %s: %w", name, err)
		}
		all = append(all, divert.Named{Name: name, Driver: d})
	}
	out := &divert.Config{Transports: edgeTransports(g), Driver: all[0].Driver, Logger: log.With().Str("part", "edge").Logger()}
	if len(all) > 1 {
		in, err := divert.NewInTurn(all...)
		if err != nil {
			return nil, err
		}
		out.Driver = in
	}
	return out, nil
}

func edgeTransports(g *config.Gate) []fleet.Transport {
	if len(g.Edge.Transports) > 0 {
		return g.Edge.Transports
	}
	return []fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS}
}

func gateDriver(name string, file *config.Agent) (divert.Driver, error) {
	g := file.Gate
	switch name {
	case "nftables":
		c := divert.NftablesConfig{Direct: append(slices.Clone(g.Nftables.Direct), file.PeerNetworks()...)}
		for _, l := range g.Listen {
			c.Diverted = append(c.Diverted, divert.Diverted{Transport: l.Transport, Public: l.Diverts, Gate: l.Address})
		}
		return divert.NewNftables(c)
	case "edge":
		if g.Edge.OpenSIPS != "" {
			return &divert.OpenSIPS{Address: g.Edge.OpenSIPS, Transports: edgeTransports(g)}, nil
		}
		if g.Edge.FreeSWITCH != "" {
			password, err := privateText("freeswitch_password_file", g.Edge.FreeSWITCHPasswordFile)
			return &divert.FreeSWITCH{Address: g.Edge.FreeSWITCH, Password: password, Transports: edgeTransports(g)}, err
		}
		return &divert.Kamailio{Address: g.Edge.Kamailio, Transports: edgeTransports(g)}, nil
	}
	return &divert.Exec{Command: g.Edge.Command, Site: file.Site, Transports: edgeTransports(g)}, nil
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
