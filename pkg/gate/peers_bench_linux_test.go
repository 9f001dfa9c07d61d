package gate

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkPeers asks a drained gate, and Kamailio with the shortest
// configuration that answers a stateless 503, the same, in turn, and tells
// answers for each second of the server's processor time and their ratio. Each
// server has one worker on the first processor. Speeds of two runs cannot be
// compared, ratios within one can.
//
//	SIPSTEER_BENCH_SECONDS  2 by default: how long each is asked, in each round
//	SIPSTEER_BENCH_ROUNDS   3 by default
func BenchmarkPeers(b *testing.B) {
	seconds, rounds := time.Duration(setting("SECONDS", 2))*time.Second, setting("ROUNDS", 3)
	dir := b.TempDir()
	writePair(b, dir)
	ours, theirs := &rival{name: "sipsteer"}, &rival{name: "kamailio"}
	ours.start(b, dir, []string{os.Args[0]})
	kamailio, err := exec.LookPath("kamailio")
	if err != nil {
		b.Skip("kamailio is not installed (Debian: kamailio, kamailio-tls-modules)")
	}
	theirs.start(b, dir, []string{kamailio, "-f", filepath.Join(dir, "kamailio.cfg"), "-DD", "-E", "-m", "256", "-M", "32", "-w", dir, "-Y", dir})
	b.ResetTimer()
	for _, l := range loads() {
		for range rounds {
			for _, r := range []*rival{ours, theirs} {
				before := cpuTicks(r.pid)
				n := l.do(b, r, seconds)
				used := float64(cpuTicks(r.pid)-before) / 100
				r.samples[l.name] = append(r.samples[l.name], float64(n)/max(used, 0.01))
			}
		}
		o, t := ours.median(l.name), theirs.median(l.name)
		b.Logf("%-14s %8.0f answers a CPU second, kamailio %8.0f: %.2f times as many", l.name, o, t, o/t)
		b.ReportMetric(o/t, "x-"+l.name)
	}
	b.Logf("resident memory at the end: %d MiB", ours.resident())
}

type load struct {
	name string
	do   func(b *testing.B, r *rival, d time.Duration) int
}

func loads() []load {
	trust := &tls.Config{InsecureSkipVerify: true} // it measures, it keeps no secret
	return []load{
		{"udp-register", func(b *testing.B, r *rival, d time.Duration) int { return udpLoad(b, r.addr(), "REGISTER", d) }},
		{"udp-invite", func(b *testing.B, r *rival, d time.Duration) int { return udpLoad(b, r.addr(), "INVITE", d) }},
		{"tcp-new", func(b *testing.B, r *rival, d time.Duration) int { return streamLoad(b, r.addr(), nil, false, d) }},
		{"tls-kept", func(b *testing.B, r *rival, d time.Duration) int { return streamLoad(b, r.tls(), trust, true, d) }},
		{"tls-new", func(b *testing.B, r *rival, d time.Duration) int { return streamLoad(b, r.tls(), trust, false, d) }},
	}
}

func setting(name string, def int) int {
	n, _ := strconv.Atoi(os.Getenv("SIPSTEER_BENCH_" + name))
	return cmp.Or(n, def)
}

// rival is a server of the comparison.
type rival struct {
	name          string
	port, tlsPort uint16
	pid           int
	samples       map[string][]float64
}

func (r *rival) addr() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), r.port)
}

func (r *rival) tls() netip.AddrPort { return netip.AddrPortFrom(r.addr().Addr(), r.tlsPort) }

// kamailioText answers every request but an ACK with a stateless 503.
const kamailioText = `#!KAMAILIO
debug=0
log_stderror=yes
children=1
socket_workers=1
tcp_children=1
tcp_max_connections=65536
auto_aliases=no
dns=no
rev_dns=no
enable_tls=yes
listen=udp:127.0.0.1:%[1]d
listen=tcp:127.0.0.1:%[1]d
listen=tls:127.0.0.1:%[2]d
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "textops.so"
loadmodule "tls.so"
modparam("sl", "bind_tm", 0)
modparam("tls", "private_key", "%[3]s/key.pem")
modparam("tls", "certificate", "%[3]s/cert.pem")
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "session_cache", 0)
request_route {
	if (is_method("ACK")) { exit; }
	append_to_reply("Retry-After: 30\r\n");
	sl_send_reply("503", "Service Unavailable");
	exit;
}
`

// start starts the server on the first processor and waits until it answers.
func (r *rival) start(b *testing.B, dir string, command []string) {
	b.Helper()
	r.samples, r.port, r.tlsPort = map[string][]float64{}, freeTCP(b), freeTCP(b)
	text := fmt.Sprintf(kamailioText, r.port, r.tlsPort, dir)
	if err := os.WriteFile(filepath.Join(dir, "kamailio.cfg"), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("taskset", append([]string{"-c", "0"}, command...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", fmt.Sprintf("%s=%d %d %s/cert.pem %s/key.pem", benchRole, r.port, r.tlsPort, dir, dir))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	r.pid = cmd.Process.Pid
	b.Cleanup(func() {
		_ = syscall.Kill(-r.pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		if n, err := streamPhone(r.tls(), &tls.Config{InsecureSkipVerify: true}, []byte(registerText), func() bool { return false }); n == 1 && err == nil {
			return
		}
		<-tick.C
	}
	b.Fatalf("%s does not answer", r.name)
}

func (r *rival) median(name string) float64 {
	s := slices.Sorted(slices.Values(r.samples[name]))
	return s[len(s)/2]
}

// resident is the memory of the process, in MiB.
func (r *rival) resident() int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", r.pid))
	f := strings.Fields(string(text))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(f[1])
	return pages * os.Getpagesize() >> 20
}

// cpuTicks is what all processes of a group have used, in hundredths of a second.
func cpuTicks(group int) (ticks int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(f) > 12 && f[2] == strconv.Itoa(group) {
			user, _ := strconv.Atoi(f[11])
			system, _ := strconv.Atoi(f[12])
			ticks += user + system
		}
	}
	return ticks
}

func freeTCP(b *testing.B) uint16 {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

// writePair writes a P-256 certificate and its key.
func writePair(b *testing.B, dir string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"west.test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		b.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			b.Fatal(err)
		}
	}
}
