package dnsserver

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// BenchmarkPeers asks this server, a bare echo in Go, and the name servers that
// are installed the same questions, in turn, and tells answers for each second
// of the server's processor time, and the ratio to each. Every server has one
// worker on the first processor; the questions come from the last one. Speeds
// of two runs cannot be compared, ratios within one can.
//
//	SIPSTEER_BENCH_TENANTS  100000 by default
//	SIPSTEER_BENCH_SECONDS  2 by default: how long each is asked, in each round
//	SIPSTEER_BENCH_ROUNDS   3 by default
func BenchmarkPeers(b *testing.B) {
	tenants, seconds, rounds := setting("TENANTS", 100_000), setting("SECONDS", 2), setting("ROUNDS", 3)
	dir := b.TempDir()
	zone := benchZone(b, tenants)
	file := filepath.Join(dir, "zone.txt")
	writeZone(b, file, writtenOut(b, zone))
	questions := mixedQuestions(b, tenants)
	var running []*peer
	for _, p := range peers() {
		if err := p.start(b, dir, file, tenants); err != nil {
			b.Logf("%s is missing: %v", p.name, err)
			continue
		}
		running = append(running, p)
	}
	b.ResetTimer()
	for range rounds {
		for _, p := range running {
			p.round(b, questions, time.Duration(seconds)*time.Second)
			p.paced(b, questions, time.Duration(seconds)*time.Second)
			if !p.echo {
				p.stream(b, questions, time.Duration(seconds)*time.Second)
			}
		}
	}
	us := running[0]
	for _, p := range running {
		b.Logf("%-9s UDP %7.0f and TCP %7.0f answers a CPU second; this server has %.2f and %.2f times as many; at 5000/s half within %s, 99 %% within %s; ready after %s; %d MiB",
			p.name, median(p.udp), median(p.tcp), median(us.udp)/median(p.udp), median(us.tcp)/median(p.tcp),
			p.within(0.5), p.within(0.99), p.ready.Round(time.Millisecond), p.memory>>20)
		if p != us {
			b.ReportMetric(median(us.udp)/median(p.udp), "x-"+p.name)
		}
	}
	b.ReportMetric(median(us.udp), "answers/cpu-s")
	million := &peer{name: "million", self: "server"}
	if err := million.start(b, dir, file, 1_000_000); err != nil {
		b.Fatal(err)
	}
	b.Logf("with 1000000 tenants ready after %s; %d MiB, %.0f octets for each tenant more",
		million.ready.Round(time.Millisecond), million.memory>>20, float64(million.memory-us.memory)/float64(1_000_000-tenants))
}

func setting(name string, def int) int {
	if n, err := strconv.Atoi(os.Getenv("SIPSTEER_BENCH_" + name)); err == nil {
		return n
	}
	return def
}

// start starts the server and waits until it answers.
func (p *peer) start(b *testing.B, dir, zone string, tenants int) error {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	p.port = c.LocalAddr().(*net.UDPAddr).Port
	_ = c.Close()
	command := []string{os.Args[0]}
	if p.self == "" {
		path, err := loopbacktest.LookPath(p.command[0])
		if err != nil {
			return err
		}
		command = append([]string{path}, p.command[1:]...)
		text := []byte(loopbacktest.Fill(b, p.config, map[string]any{"Dir": dir, "Port": p.port, "Zone": zone}))
		if err := os.WriteFile(filepath.Join(dir, p.name+".conf"), text, 0o600); err != nil {
			return err
		}
		if p.prepare != nil {
			if err := p.prepare(dir, zone, text); err != nil {
				return err
			}
		}
	}
	for i := range command {
		command[i] = strings.ReplaceAll(command[i], "{dir}", dir)
	}
	cmd := exec.Command("taskset", append([]string{"-c", "0"}, command...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", fmt.Sprintf("%s=%s %d %d", benchRole, p.self, p.port, tenants))
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	p.pid = cmd.Process.Pid
	b.Cleanup(func() {
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	if err := p.wait(b); err != nil {
		return err
	}
	p.ready = time.Since(began)
	p.memory = memoryOf(p.pid)
	return nil
}

// wait asks until there is an answer.
func (p *peer) wait(b *testing.B) error {
	m, err := question("_sip._udp.t000000.voice.example.net.", "SRV").Pack()
	if err != nil {
		return err
	}
	buf := make([]byte, maxUDPSize)
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); { // some read the zone for long
		c := p.dial(b)
		_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond))
		_, _ = c.Write(m)
		n, err := c.Read(buf)
		_ = c.Close()
		if err == nil && (p.echo || n > 120 && buf[3]&0xF == 0) {
			return nil
		}
	}
	return fmt.Errorf("no answer on port %d", p.port)
}

func (p *peer) dial(b *testing.B) *net.UDPConn {
	c, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p.port})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// round asks for a while, always with the same number of questions under way.
func (p *peer) round(b *testing.B, questions [][]byte, d time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var last unix.CPUSet
	last.Set(runtime.NumCPU() - 1)
	_ = unix.SchedSetaffinity(0, &last)
	const underWay = 64
	udp := p.dial(b)
	defer udp.Close()
	_ = udp.SetReadBuffer(4 << 20)
	conn := ipv4.NewPacketConn(udp)
	out, in := make([]ipv4.Message, underWay), make([]ipv4.Message, underWay)
	for i := range out {
		out[i].Buffers, in[i].Buffers = make([][]byte, 1), [][]byte{make([]byte, 2048)}
	}
	at, answers := 0, 0
	send := func(n int) {
		for i := range n {
			out[i].Buffers[0] = questions[at%len(questions)]
			at++
		}
		for done := 0; done < n; {
			k, err := conn.WriteBatch(out[done:n], 0)
			if err != nil {
				b.Fatal(err)
			}
			done += k
		}
	}
	before := cpuTicks(p.pid)
	send(underWay)
	for end := time.Now().Add(d); time.Now().Before(end); {
		_ = udp.SetReadDeadline(time.Now().Add(time.Second))
		n, err := conn.ReadBatch(in, 0)
		if err != nil { // lost: begin anew
			send(underWay)
			continue
		}
		answers += n
		send(n)
	}
	used := float64(cpuTicks(p.pid)-before) / 100
	p.udp = append(p.udp, float64(answers)/max(used, 0.01))
}

// paced asks 5000 questions a second, one after the other, and notes how long
// each answer takes.
func (p *peer) paced(b *testing.B, questions [][]byte, d time.Duration) {
	c := p.dial(b)
	defer c.Close()
	buf := make([]byte, maxUDPSize)
	began := time.Now()
	for i := 0; time.Since(began) < d; i++ {
		for time.Since(began) < time.Duration(i)*200*time.Microsecond { // waiting in the kernel is too coarse
		}
		sent := time.Now()
		_ = c.SetReadDeadline(sent.Add(time.Second))
		if _, err := c.Write(questions[i%len(questions)]); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(buf); err == nil {
			p.took = append(p.took, time.Since(sent))
		}
	}
}

// stream asks over one TCP connection, always with the same number of questions
// under way.
func (p *peer) stream(b *testing.B, questions [][]byte, d time.Duration) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	in, buf := bufio.NewReaderSize(c, 1<<16), make([]byte, maxMessage)
	before, answers, at := cpuTicks(p.pid), 0, 0
	var out []byte
	for end := time.Now().Add(d); time.Now().Before(end); {
		out = out[:0]
		const underWay = 64
		for range underWay {
			q := questions[at%len(questions)]
			out = append(append(out, byte(len(q)>>8), byte(len(q))), q...)
			at++
		}
		if _, err := c.Write(out); err != nil {
			b.Fatal(err)
		}
		for range underWay {
			if _, err := io.ReadFull(in, buf[:2]); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(in, buf[:u16(buf)]); err != nil {
				b.Fatal(err)
			}
			answers++
		}
	}
	used := float64(cpuTicks(p.pid)-before) / 100
	p.tcp = append(p.tcp, float64(answers)/max(used, 0.01))
}

func median(samples []float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(samples))
	return s[len(s)/2]
}

// within is the time within which a share of the answers came.
func (p *peer) within(share float64) time.Duration {
	if len(p.took) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(p.took))
	return s[int(share*float64(len(s)-1))].Round(time.Microsecond)
}

// cpuTicks is what all processes of a group have used, in hundredths of a
// second.
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

func writeZone(b *testing.B, path string, z *srv.Zone) {
	if err := os.WriteFile(path, []byte(z.String()), 0o600); err != nil {
		b.Fatal(err)
	}
}
