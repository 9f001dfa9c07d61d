package threesites_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/pki"
)

// sites of the example, in the order of their addresses: 127.NET.1, .2, .3.
var sites = []string{"calgary", "ottawa", "vancouver"}

// fleet is a copy of the example that runs.
type fleet struct {
	t         *testing.T
	dir, net  string // net is the address's beginning: "127.11."
	exe       string
	kamcmd    string
	agents    map[string]*process
	kamailios map[string]*process
}

// newFleet does what the README says, on addresses of its own, and returns
// when all three agents serve and know every softswitch to be up.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real processes; left out by -short")
	}
	openssl, kamailio := peer(t, "openssl", "openssl"), peer(t, "kamailio", "kamailio")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{
		t: t, dir: t.TempDir(), net: takeNet(t), exe: exe, kamcmd: peer(t, "kamcmd", "kamailio"),
		agents: map[string]*process{}, kamailios: map[string]*process{},
	}
	f.copyFiles()
	f.makePKI(openssl)
	f.found()
	for _, s := range sites {
		f.kamailios[s] = start(t, f.dir, "kamailio-"+s, exec.Command(kamailio, "-A", "PATIENT", "-DD", "-E", "-w", f.dir, "-Y", f.dir, "-f", filepath.Join(f.dir, "kamailio", s+".cfg")))
	}
	for _, s := range sites {
		f.startAgent(s)
	}
	eventually(t, "three agents serve and know all softswitches to be up", 60*time.Second, f.ready)
	return f
}

// takeNet finds a network 127.N. that nothing uses, and keeps it from other
// runs of this test for the test's time. Other tests' labs use N from 20 on.
func takeNet(t *testing.T) string {
	t.Helper()
	var last error
	for n := 11; n < 20; n++ {
		network := fmt.Sprintf("127.%d.", n)
		lock, err := net.Listen("tcp", network+"255.254:5300")
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Skip("this machine has no loopback addresses beside 127.0.0.1")
		}
		if err == nil {
			err = unused(network)
		}
		if err == nil {
			t.Cleanup(func() { lock.Close() })
			return network
		}
		if lock != nil {
			lock.Close()
		}
		last = err
	}
	t.Fatalf("no network from 127.11. to 127.19. is free: %v", last)
	return ""
}

// unused looks for what a killed run may have left.
func unused(network string) error {
	for i := range sites {
		for _, at := range []string{".1:5300", ".1:7300", ".1:8300", ".2:5060", ".2:5061", ".3:5060", ".3:5061"} {
			l, err := net.Listen("tcp", fmt.Sprint(network, i+1, at))
			if err != nil {
				return err
			}
			l.Close()
		}
	}
	return nil
}

// copyFiles copies the example and moves it to the fleet's network.
func (f *fleet) copyFiles() {
	if err := os.CopyFS(f.dir, os.DirFS(".")); err != nil {
		f.t.Fatal(err)
	}
	for _, pattern := range []string{"*.yaml", "*/*.cfg", "baresip/*"} {
		names, err := filepath.Glob(filepath.Join(f.dir, pattern))
		if err != nil || len(names) == 0 {
			f.t.Fatalf("no files %s: %v", pattern, err)
		}
		for _, name := range names {
			f.edit(name, func(text string) string { return f.local(text) })
		}
	}
}

// local moves addresses of the example to the fleet's network.
func (f *fleet) local(text string) string { return strings.ReplaceAll(text, "127.10.", f.net) }

func (f *fleet) edit(path string, change func(string) string) {
	f.t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(change(string(text))), 0o600)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// makePKI makes certificates, and trusts their authority in the fleet file.
func (f *fleet) makePKI(openssl string) {
	f.t.Helper()
	make := exec.Command("sh", "make-pki.sh")
	make.Dir, make.Env = f.dir, append(os.Environ(), "PATH="+filepath.Dir(openssl)+":"+os.Getenv("PATH"))
	if r := output(f.t, make); r.code != 0 {
		f.t.Fatalf("make-pki.sh: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	ca, err := os.ReadFile(filepath.Join(f.dir, "pki", "ca.pem"))
	if err != nil {
		f.t.Fatal(err)
	}
	indented := bytes.ReplaceAll(bytes.TrimSpace(ca), []byte("\n"), []byte("\n    "))
	f.edit(filepath.Join(f.dir, "fleet.yaml"), func(text string) string {
		return text + "  trust_roots: |\n    " + string(indented) + "\n"
	})
}

// found makes the identities of the agents, as the README says.
func (f *fleet) found() {
	f.t.Helper()
	r := f.run("agent", "init", "--config", "calgary.yaml", "--with", "ottawa.yaml", "--with", "vancouver.yaml", "--token-file", "admin.token")
	if r.code != 0 {
		f.t.Fatalf("agent init: exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

func (f *fleet) startAgent(site string) {
	cmd := exec.Command(f.exe, "agent", "--config", filepath.Join(f.dir, site+".yaml"))
	cmd.Env = append(os.Environ(), runMain+"=1")
	f.agents[site] = start(f.t, f.dir, "agent-"+site, cmd)
}

// run runs a client command.
func (f *fleet) run(args ...string) result {
	f.t.Helper()
	cmd := exec.Command(f.exe, args...)
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), runMain+"=1", "NO_COLOR=1", "SIPSTEER_OWNER=tester", "SIPSTEER_CONFIG="+filepath.Join(f.dir, "client.yaml"))
	return output(f.t, cmd)
}

// must runs a client command that has to succeed.
func (f *fleet) must(args ...string) result {
	f.t.Helper()
	r := f.run(args...)
	if r.code != 0 {
		f.t.Fatalf("sipsteer %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r
}

// status is what the agent at Ottawa knows, which nothing happens to.
func (f *fleet) status() api.Status {
	f.t.Helper()
	st, err := f.ask()
	if err != nil {
		f.t.Fatal(err)
	}
	return st
}

func (f *fleet) ask() (api.Status, error) {
	ctx, cancel := context.WithTimeout(f.t.Context(), 30*time.Second)
	defer cancel()
	authority, err := pki.ParseAuthority(filepath.Join(f.dir, "data", "ottawa", "pki", "ca.pem"))
	if err != nil {
		return api.Status{}, err
	}
	token, err := os.ReadFile(filepath.Join(f.dir, "admin.token"))
	if err != nil {
		return api.Status{}, err
	}
	c := api.NewTLSClient(api.ClientConfig{
		Name: "ottawa", Base: "https://" + f.address("ottawa", "1:8300"), Token: strings.TrimSpace(string(token)),
		TLS: authority.Client("ottawa", time.Now),
	})
	defer c.Close()
	return c.Status(ctx)
}

// ready reports whether all agents answer at one epoch, and all is up.
func (f *fleet) ready() bool {
	for name, p := range f.agents {
		if !p.running() {
			f.t.Fatalf("agent %s ended: %v", name, p.err)
		}
	}
	st, err := f.ask()
	if err != nil || !st.Quorum || len(st.Agents) != len(sites) {
		return false
	}
	for _, a := range st.Agents {
		if !a.Reachable || a.Epoch != st.Epoch {
			return false
		}
	}
	for _, s := range st.Sites {
		if len(s.Transports) != 3 || slices.ContainsFunc(slices.Collect(maps.Values(s.Transports)), func(word string) bool { return word != "up" }) {
			return false
		}
	}
	return true
}

// registered reports whether Kamailio at the site has a binding of the user.
func (f *fleet) registered(site, user string) bool {
	cmd := exec.Command(f.kamcmd, "-s", "unix:"+site+".ctl", "ul.lookup", "location", user)
	cmd.Dir = f.dir
	return strings.Contains(output(f.t, cmd).out, "Address: sip:"+user)
}

// gate is the public SIP address of a site.
func (f *fleet) gate(site string) string { return f.address(site, "2:5060") }

// server is the address of a site's name server.
func (f *fleet) server(site string) string { return f.address(site, "1") }

func (f *fleet) address(site, rest string) string {
	for i, s := range sites {
		if s == site {
			return fmt.Sprintf("%s%d.%s", f.net, i+1, rest)
		}
	}
	f.t.Fatalf("no site %q", site)
	return ""
}
