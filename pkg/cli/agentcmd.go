package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/net/proxy"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/agent"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/logging"
	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/archive"
)

func (a *app) agentCmd() *cobra.Command {
	var lifeline bool
	c := &cobra.Command{
		Use: "agent --config FILE", Short: "Run the agent of a site", Args: exactArgs(),
		Long: `Runs one agent: it answers DNS, keeps the gate, probes the softswitches and
agrees with the other agents. It ends on SIGINT or SIGTERM and hands leadership
over first. See examples/three-sites for the files.`,
		Example: "  sipsteer agent --config agent.yaml",
	}
	c.Flags().BoolVar(&lifeline, "lifeline", false, "end when standard input ends (set by the lab)")
	_ = c.Flags().MarkHidden("lifeline")
	c.AddCommand(a.memberCmds()...)
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		if a.config == "" {
			return &usageError{"which agent file?", "sipsteer agent --config agent.yaml"}
		}
		ctx, cancel := context.WithCancel(cmd.Context())
		defer cancel()
		if lifeline {
			go func() { // ends with standard input, at the latest with the process
				_, _ = io.Copy(io.Discard, a.streams.In)
				cancel()
			}()
		}
		return a.runAgent(ctx, a.config)
	})
	return c
}

func (a *app) runAgent(ctx context.Context, path string) error {
	file, err := config.LoadAgent(path)
	if err != nil {
		return err
	}
	log, closeLog, err := a.logger(file)
	if err != nil {
		return err
	}
	defer closeLog()
	cfg, err := agentConfig(file, a.version, log)
	if err != nil {
		return err
	}
	if cfg.DNS.Sockets, err = a.handedOn(); err != nil {
		return err
	}
	return keepAgent(ctx, cfg)
}

func (a *app) logger(file *config.Agent) (zerolog.Logger, func(), error) {
	out, done := a.streams.Err, func() {}
	if file.Log.File != "" {
		f, err := os.OpenFile(file.Log.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return zerolog.Logger{}, nil, fmt.Errorf("open log file: %w", err)
		}
		out, done = f, func() { f.Close() }
	}
	log, err := logging.New(out, file.Log.Format, file.Log.Level)
	if err != nil {
		done()
		return zerolog.Logger{}, nil, fmt.Errorf("make logger: %w", err)
	}
	return log.With().Str("agent", string(file.Name)).Logger(), done, nil
}

// agentConfig turns the file into what an agent is made of.
func agentConfig(file *config.Agent, version string, log zerolog.Logger) (agent.Config, error) {
	cfg := agent.Config{
		Name: file.Name, Site: file.Site, Dir: file.DataDir, Version: version, Logger: log, API: file.API.Listen,
		DNS: dnsserver.Config{
			Listen: file.DNS.Listen, NSID: file.DNS.NSID, Version: file.DNS.Version, WhyAllow: file.DNS.WhyAllow,
			Logger: log.With().Str("part", "dns").Logger(),
		},
		Raft: agent.RaftConfig{Listen: file.Raft.Listen, Advertise: file.Raft.Advertise, Profile: raftstore.WAN()},
	}
	cfg.History = archive.Config{MaxAge: time.Duration(file.History.Days) * 24 * time.Hour, MaxSize: int64(file.History.Megabytes) << 20}
	cfg.Secrets = agent.Secrets{Dir: file.SecretsDir, Getenv: os.Getenv}
	cfg.Commands, cfg.Directories = map[string][]string{}, map[string]string{}
	for _, c := range file.Commands {
		cfg.Commands[c.Name] = c.Argv
	}
	for _, d := range file.Directories {
		cfg.Directories[d.Name] = d.Path
	}
	cfg.Behind = time.Duration(file.DelayedCopy.Hours) * time.Hour
	if file.DelayedCopy.Off {
		cfg.Behind = -1
	}
	if err := identify(&cfg, file); err != nil {
		return cfg, err
	}
	if err := tellPeople(&cfg, file); err != nil {
		return cfg, err
	}
	if err := auditTo(&cfg, file); err != nil {
		return cfg, err
	}
	cfg.Readiness = agent.Readiness{
		Every: time.Duration(file.Readiness.EveryMinutes) * time.Minute, Port: uint16(file.Readiness.NameServerPort), Resolvers: file.Readiness.Resolvers, Names: file.Readiness.Names,
	}
	if p := file.DNS.Parent; p != nil {
		cfg.Parent = agent.Parent{Servers: p.Servers, Resolver: p.Resolver}
	}
	cfg.Outward = agent.Outward{Exec: file.Outward.Exec, Webhooks: file.Outward.Webhooks, Edge: file.Outward.Edge}
	if file.Raft.Profile == "lan" {
		cfg.Raft.Profile = raftstore.LAN()
	}
	if err := dnsTLS(&cfg.DNS, file.DNS.TLS); err != nil {
		return cfg, err
	}
	if err := secondaries(&cfg.DNS, file.DNS); err != nil {
		return cfg, err
	}
	cfg.DNS.ReportTo = file.DNS.ReportTo
	cfg.DNS.Tap = queryLog(file, version, log)
	var err error
	if cfg.Updates, err = updates(cfg.DNS, file.DNS, log.With().Str("part", "dns").Logger()); err != nil {
		return cfg, err
	}
	for _, z := range file.DNS.Zones {
		cfg.Zones = append(cfg.Zones, agent.ZoneFile{Origin: z.Origin, File: z.File})
	}
	for _, p := range file.Peers {
		cfg.Peers = append(cfg.Peers, agent.Peer{Name: p.Name, Site: p.Site, Raft: p.Raft, API: p.API})
	}
	if file.Fleet != "" {
		f, err := config.LoadFleet(file.Fleet)
		if err != nil {
			return cfg, err
		}
		cfg.Fleet = f
	}
	if cfg.Divert, err = divertConfig(file, log); err != nil {
		return cfg, err
	}
	if file.Gate != nil && len(file.Gate.Listen) > 0 {
		g, err := gateConfig(file, log)
		if err != nil {
			return cfg, err
		}
		cfg.Gate = g
	}
	if file.PeerProxy != "" {
		dial, err := proxyDialer(file.PeerProxy)
		if err != nil {
			return cfg, err
		}
		cfg.DialPeer = dial
	}
	return cfg, nil
}

func gateConfig(file *config.Agent, log zerolog.Logger) (*gate.Config, error) {
	g := file.Gate
	out := &gate.Config{Site: file.Site, FreeBind: g.Driver == "listen" || g.Uses("exec"), Logger: log.With().Str("part", "gate").Logger()}
	var err error
	if out.Refusals, err = refusals(g.Refusals); err != nil {
		return nil, err
	}
	out.PerSource, out.MaxPerSource, out.Exempt = g.Limits.PerSource, g.Limits.ConnectionsPerSource, g.Limits.Exempt
	out.MaxConnections, out.Handshakes = g.Limits.Connections, g.Limits.Handshakes
	for _, l := range g.Listen {
		out.Listen = append(out.Listen, gate.Listener{Transport: l.Transport, Address: l.Address})
		if !l.Transport.Secure() || out.UpstreamTLS != nil {
			continue
		}
		out.Certificates, out.CheckKey = gateCertificates(g), config.CheckPrivate
		out.UpstreamTLS = &tls.Config{ServerName: g.UpstreamServerName, MinVersion: tls.VersionTLS12}
	}
	if g.UpstreamRoots != "" && out.UpstreamTLS != nil {
		text, err := os.ReadFile(g.UpstreamRoots)
		if err != nil {
			return nil, fmt.Errorf("load upstream roots: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("load upstream roots: %s holds no certificate", g.UpstreamRoots)
		}
		out.UpstreamTLS.RootCAs = pool
	}
	return out, nil
}

// proxyDialer connects through a SOCKS5 proxy.
func proxyDialer(address string) (func(ctx context.Context, network, address string) (net.Conn, error), error) {
	d, err := proxy.SOCKS5("tcp", address, nil, &net.Dialer{Timeout: 2 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("make peer proxy: %w", err)
	}
	ctxDialer, ok := d.(proxy.ContextDialer)
	if !ok {
		return nil, fmt.Errorf("make peer proxy: dialer takes no context")
	}
	return ctxDialer.DialContext, nil
}
