package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/lab/dnswatch"
)

// runMain makes the test binary behave as the program: the lab starts its
// agents from it too.
const runMain = "SIPSTEER_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) == "1" {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

// program returns a command that runs sipsteer with the arguments.
func program(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(executable(t), args...)
	cmd.Env = append(append(os.Environ(), runMain+"=1", "SIPSTEER_OWNER=tester", "NO_COLOR=1"), env...)
	return cmd
}

func executable(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// result is how one command ended.
type result struct {
	out, err string
	code     int
}

func runProgram(t *testing.T, env []string, args ...string) result {
	t.Helper()
	cmd := program(t, env, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %v: %v", args, err)
	}
	return result{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// testLab is a lab in a process of its own.
type testLab struct {
	t      *testing.T
	dir    string
	net    int
	probes string // the interval of checks
	cmd    *exec.Cmd
	exited chan struct{}
	stderr *lockedBuffer
}

// lockedBuffer may be read while a process writes into it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Each lab has the machine for itself: two at once starve each other's probes.

// newLab starts a lab whose probes have more time than those of a lab by hand: a
// busy machine is no sick site.
func newLab(t *testing.T) *testLab {
	t.Helper()
	return startLab(t, "2s")
}

// labs counts the labs of this run.
var labs atomic.Int64

// startLab picks addresses that no other test uses: the process ID spreads runs
// apart, the count the tests of one run.
func startLab(t *testing.T, probes string) *testLab {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real processes; left out by -short")
	}
	l := &testLab{t: t, dir: t.TempDir(), net: 20 + (os.Getpid()*7+int(labs.Add(1)))%230, probes: probes}
	l.up()
	t.Cleanup(l.down)
	return l
}

func (l *testLab) env() []string {
	return []string{"SIPSTEER_LAB_NET=" + strconv.Itoa(l.net), "SIPSTEER_LAB_PROBE_INTERVAL=" + l.probes, "SIPSTEER_CONFIG=" + filepath.Join(l.dir, "client.yaml")}
}

// up starts the lab and returns when it says ready.
func (l *testLab) up() {
	l.t.Helper()
	cmd := program(l.t, l.env(), "lab", "up", "--dir", l.dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	l.stderr = &lockedBuffer{}
	cmd.Stderr = l.stderr
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.cmd, l.exited = cmd, make(chan struct{})
	ready := make(chan bool, 1)
	go func() { // ends with the process
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if lines.Text() == "ready" {
				ready <- true
			}
		}
		_ = cmd.Wait()
		close(l.exited)
	}()
	select {
	case <-ready:
	case <-l.exited:
		l.t.Fatalf("lab ended: %s", l.stderr)
	case <-time.After(3 * time.Minute):
		l.t.Fatalf("lab is not ready: %s", l.stderr)
	}
}

func (l *testLab) down() {
	_ = l.cmd.Process.Signal(os.Interrupt)
	select {
	case <-l.exited:
	case <-time.After(30 * time.Second):
		_ = l.cmd.Process.Kill()
		l.t.Error("lab did not end by itself")
	}
	if l.t.Failed() {
		for _, site := range lab.Sites() {
			if log, err := os.ReadFile(filepath.Join(l.dir, string(site)+".log")); err == nil {
				lines := strings.Split(string(log), "\n")
				l.t.Logf("%s:\n%s", site, strings.Join(lines[max(0, len(lines)-25):], "\n"))
			}
		}
	}
}

// kill ends the lab's process as kill -9 does.
func (l *testLab) kill() {
	_ = l.cmd.Process.Signal(syscall.SIGKILL)
	<-l.exited
}

func (l *testLab) run(args ...string) result {
	l.t.Helper()
	return runProgram(l.t, l.env(), args...)
}

// must runs a command that has to end with the exit code.
func (l *testLab) must(code int, args ...string) result {
	l.t.Helper()
	r := l.run(args...)
	if r.code != code {
		l.t.Fatalf("sipsteer %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	return r
}

func (l *testLab) status() api.Status {
	l.t.Helper()
	r := l.must(0, "status", "--json")
	var st api.Status
	if err := json.Unmarshal([]byte(r.out), &st); err != nil {
		l.t.Fatalf("status --json: %v\n%s", err, r.out)
	}
	return st
}

func (l *testLab) servers() []netip.AddrPort {
	var out []netip.AddrPort
	for _, p := range (lab.Layout{Net: l.net}).Places() {
		out = append(out, p.DNS)
	}
	return out
}

// watch asks all name servers for names, each every interval.
func (l *testLab) watch(interval time.Duration, names ...string) *dnswatch.Watch {
	for i, n := range names {
		names[i] = n + "." + lab.Zone + "."
	}
	w := dnswatch.Start(dnswatch.Config{Servers: l.servers(), Names: names, Interval: interval, Timeout: 2 * time.Second})
	l.t.Cleanup(w.Stop)
	return w
}

// patience bounds every wait for what must come about: machines that run tests
// are busy. Speed is measured by benchmarks.
const patience = 3 * time.Minute

// eventually waits until the condition is true.
func eventually(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	if !poll(within, ok) {
		t.Fatalf("not within %s: %s", within, what)
	}
}

// poll asks until the condition is true, and reports whether it became so.
func poll(within time.Duration, ok func() bool) bool {
	deadline := time.After(within)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
	return true
}

// answered reports whether all three name servers answer name with the sites,
// in this order.
func (l *testLab) answered(w *dnswatch.Watch, name string, sites ...string) func() bool {
	want := make(dnswatch.Answer, len(sites))
	for i, s := range sites {
		want[i] = "sip." + s + "." + lab.Zone + "."
	}
	return func() bool {
		for _, s := range l.servers() {
			if !slices.Equal(w.Now(s, name+"."+lab.Zone+"."), want) {
				return false
			}
		}
		return true
	}
}

// place returns the addresses of a site, counted from 0.
func (l *testLab) place(n int) lab.Place { return lab.Layout{Net: l.net}.Place(n + 1) }
