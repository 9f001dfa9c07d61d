package dnsserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// peer is one server of the comparison.
type peer struct {
	name    string
	command []string // with {port}, {dir}, {zone}, {tenants}
	config  string   // template of dir/NAME.conf
	self    string   // this test binary in that role
	echo    bool     // sends back what it gets
	prepare func(dir, zone string, config []byte) error

	port   int
	pid    int
	ready  time.Duration
	memory int       // when it was ready, in octets (PSS)
	udp    []float64 // answers a CPU second, by round
	tcp    []float64
	took   []time.Duration // of single answers
}

func peers() []*peer {
	return []*peer{
		{name: "sipsteer", self: "server"},
		{name: "echo", self: "echo", echo: true},
		{name: "knot", command: []string{"knotd", "-c", "{dir}/knot.conf"}, config: `
server:
    rundir: "{{.Dir}}"
    listen: 127.0.0.1@{{.Port}}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{{.Dir}}/knot.db"
log:
  - target: stderr
    any: error
template:
  - id: default
    storage: "{{.Dir}}"
    semantic-checks: off
    journal-content: none
    zonefile-sync: -1
zone:
  - domain: voice.example.net
    file: "{{.Zone}}"
`},
		{name: "nsd", command: []string{"nsd", "-d", "-c", "{dir}/nsd.conf"}, config: `
server:
  server-count: 1
  ip-address: 127.0.0.1@{{.Port}}
  username: ""
  chroot: ""
  zonesdir: "{{.Dir}}"
  database: ""
  pidfile: "{{.Dir}}/nsd.pid"
  xfrdfile: "{{.Dir}}/nsd.xfrd"
  zonelistfile: "{{.Dir}}/nsd.list"
  xfrdir: "{{.Dir}}"
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: voice.example.net
  zonefile: {{.Zone}}
`},
		{name: "gdnsd", command: []string{"gdnsd", "-c", "{dir}/gdnsd", "start"}, prepare: prepareGdnsd, config: `
options => {
  listen => 127.0.0.1:{{.Port}}
  udp_threads => 1
  tcp_threads => 1
  run_dir => {{.Dir}}/gdnsd/run
  state_dir => {{.Dir}}/gdnsd/state
  min_ttl => 1
  lock_mem => false
}
`},
		{name: "coredns", command: []string{"coredns", "-quiet", "-conf", "{dir}/coredns.conf"}, config: `
voice.example.net:{{.Port}} {
  bind 127.0.0.1
  file {{.Zone}} {
    reload 0
  }
}
`},
	}
}

// prepareGdnsd puts configuration and zone where gdnsd looks for them.
func prepareGdnsd(dir, zone string, config []byte) error {
	for _, d := range []string{"run", "state", "zones"} {
		if err := os.MkdirAll(filepath.Join(dir, "gdnsd", d), 0o700); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(zone)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "gdnsd", "config"), config, 0o600),
		os.WriteFile(filepath.Join(dir, "gdnsd", "zones", "voice.example.net"), text, 0o600),
	)
}

// memoryOf is what all processes of a group hold, what they share divided among
// them, in octets.
func memoryOf(group int) (sum int) {
	for _, path := range processesOf(group) {
		text, err := os.ReadFile(filepath.Join(path, "smaps_rollup"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			var kilo int
			if n, _ := fmt.Sscanf(line, "Pss: %d kB", &kilo); n == 1 {
				sum += kilo << 10
			}
		}
	}
	return sum
}

// processesOf lists the directories of the processes of a group.
func processesOf(group int) (out []string) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range all {
		if id, err := strconv.Atoi(filepath.Base(path)); err == nil {
			if g, err := syscall.Getpgid(id); err == nil && g == group {
				out = append(out, path)
			}
		}
	}
	return out
}
