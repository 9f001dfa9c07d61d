package cli

import (
	"cmp"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/dnsserver/tap"
	"github.com/sipsteer/sipsteer/pkg/config"
)

// queryLog is where samples of what is asked go; nil is nowhere.
func queryLog(file *config.Agent, version string, log zerolog.Logger) *tap.Config {
	q := file.DNS.QueryLog
	if q == nil {
		return nil
	}
	out := &tap.Config{
		Network: "unix", Address: q.Socket, Sample: q.Sample, PerSecond: q.PerSecond,
		Identity: cmp.Or(file.DNS.NSID, string(file.Name)), Version: "sipsteer " + version, Logger: log.With().Str("part", "dns").Logger(),
	}
	if q.TCP != "" {
		out.Network, out.Address = "tcp", q.TCP
	}
	return out
}
