package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// The lab's test subscriber. The softswitches know its password, and let all
// others in without one.
const (
	canaryUser     = "canary"
	canaryPassword = "only-in-the-lab"
)

// checkTimes are the lab's probe settings, which keep the proportions of the
// defaults at a shorter interval.
type checkTimes struct {
	interval, timeout, burst time.Duration
}

func timesFor(interval time.Duration) checkTimes {
	return checkTimes{interval: interval, timeout: interval * 2 / 5, burst: interval * 3 / 20}
}

// writeFiles writes fleet.yaml, an agent file for each site and client.yaml
// into dir. They are the same at each start, so an existing dir goes on.
func writeFiles(dir string, l Layout, interval time.Duration, caPEM string) error {
	if err := os.MkdirAll(filepath.Join(dir, "secrets"), 0o700); err != nil {
		return fmt.Errorf("write lab file: %w", err)
	}
	files := map[string]string{"fleet.yaml": fleetFile(l, timesFor(interval), caPEM), "client.yaml": clientFile(l), filepath.Join("secrets", "canary"): canaryPassword + "\n"}
	for _, p := range l.Places() {
		files[string(p.Site)+".yaml"] = agentFile(l, p)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write lab file: %w", err)
		}
	}
	return writeSealingKey(filepath.Join(dir, "secrets", "sealing-key"))
}

func fleetFile(l Layout, t checkTimes, caPEM string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The lab's fleet. Written at each start of the lab; the fleet that is in force
# is in the replicated state.
format: 1
zone: %s
policy:
  # Times are short, so that a drain can be watched from beginning to end.
  ttl_normal: 5s
  ttl_event: 5s
  ttl_floor: 5s
  drain_grace: 2s
  registration_period: 5s
  failback_interval: 3s
  common_cause_window: 10s
  # A source that floods a gate is named after some seconds, and not by the phones
  # of a site that come all at once.
  isolate: {per_second: 200, times: 3, learn: 1s, window: 1s, for: 1m}
checks:
  interval: %s
  timeout: %s
  burst: %s
  rise: 3
  # A subscriber that logs in everywhere; its password is in secrets/canary.
  canaries:
    - {user: canary, secret: canary}
  # The disk on which each softswitch keeps its location store. Logins steer; this
  # says why they fail.
  extra:
    - {name: disk, kind: storage, directory: disk, interval: 2s, timeout: 1s}
  trust_roots: |
%s
name_servers:
`, Zone, t.interval, t.timeout, t.burst, indent(caPEM, "    "))
	for i, p := range l.Places() {
		fmt.Fprintf(&b, "  - name: ns%d\n    addresses: [%s]\n", i+1, p.AgentAddr)
	}
	b.WriteString("sites:\n")
	for _, p := range l.Places() {
		fmt.Fprintf(&b, "  - name: %s\n    addresses: [%s]\n", p.Site, p.GateAddr)
		if l.Ports {
			fmt.Fprintf(&b, "    ports: {udp: %d, tcp: %d, tls: %d}\n", p.Gate[fleet.UDP].Port(), p.Gate[fleet.TCP].Port(), p.Gate[fleet.TLS].Port())
		}
		fmt.Fprintf(&b, "    softswitches:\n      - name: %s-1\n        listeners:\n", p.Site)
		for _, tr := range []fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS} {
			fmt.Fprintf(&b, "          - {transport: %s, address: \"%s\"}\n", tr, p.Softswitch[tr])
		}
	}
	b.WriteString("services:\n")
	for _, s := range []struct{ name, sites string }{
		{"west", "calgary, vancouver, ottawa"}, {"east", "ottawa, calgary, vancouver"},
	} {
		fmt.Fprintf(&b, "  - name: %s.%s\n    sites: [%s]\n    transports: [tls, tcp, udp]\n    automation: act\n", s.name, Zone, s.sites)
	}
	return b.String()
}

func agentFile(l Layout, p Place) string {
	var b strings.Builder
	fmt.Fprintf(&b, `format: 1
name: %[1]s
site: %[1]s
data_dir: data/%[1]s
secrets_dir: secrets
directories: [{name: disk, path: disks/%[1]s}]
fleet: fleet.yaml
dns: {listen: ["%[2]s"]}
raft: {listen: "%[3]s", profile: lan}
api: {listen: "%[4]s"}
gate:
  driver: inline
  listen:
    - {transport: udp, address: "%[5]s"}
    - {transport: tcp, address: "%[6]s"}
    - {transport: tls, address: "%[7]s"}
  certificate: pki/%[1]s.pem
  key: pki/%[1]s.key
  upstream_roots: pki/ca.pem
  upstream_server_name: west.%[8]s
peer_proxy: "%[9]s"
log: {level: info, format: json, file: %[1]s.log}
# A receiver of webhooks, for trying runbooks, may be started at this address.
readiness: {name_server_port: %[11]d}
outward: {webhooks: ["http://%[10]s/"]}
peers:
`, p.Site, p.DNS, p.Raft, p.API, p.Gate[fleet.UDP], p.Gate[fleet.TCP], p.Gate[fleet.TLS], Zone, p.Link, l.Webhooks(), p.DNS.Port())
	for _, q := range l.Places() {
		fmt.Fprintf(&b, "  - {name: %s, site: %s, raft: \"%s\", api: \"%s\"}\n", q.Site, q.Site, q.Raft, q.API)
	}
	return b.String()
}

func clientFile(l Layout) string {
	var b strings.Builder
	b.WriteString("format: 1\nagents:\n")
	for _, p := range l.Places() {
		fmt.Fprintf(&b, "  - {name: %s, api: \"https://%s\"}\n", p.Site, p.API)
	}
	fmt.Fprintf(&b, "ca: data/%s/pki/ca.pem\ntoken: %s\n", siteNames[0], tokenName)
	b.WriteString("lab: {control: control.sock}\n")
	return b.String()
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by)
}
