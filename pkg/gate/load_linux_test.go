package gate

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// phonesAtOnce is how many phones of a load on streams are busy at one time.
const phonesAtOnce = 32

// loadRequests are requests of a thousand phones.
func loadRequests(method string) [][]byte {
	out := make([][]byte, 1000)
	for i := range out {
		out[i] = []byte(strings.NewReplacer("REGISTER", method, "anna@", fmt.Sprintf("u%d@", i), "0_1234567890", fmt.Sprintf("0_%d", i), "bK1727312345", fmt.Sprintf("bK%d", i)).Replace(registerText))
	}
	return out
}

// udpLoad keeps batchSize requests under way and returns how many were answered.
func udpLoad(b *testing.B, to netip.AddrPort, method string, d time.Duration) int {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var last unix.CPUSet
	last.Set(runtime.NumCPU() - 1)
	_ = unix.SchedSetaffinity(0, &last)
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	mmsg, err := newBatch(conn)
	if err != nil {
		b.Fatal(err)
	}
	texts, packets, at, answers := loadRequests(method), make([]packet, batchSize), 0, 0
	send := func(n int) {
		for i := range n {
			packets[i] = packet{out: texts[at%len(texts)], to: to}
			at++
		}
		mmsg.write(packets[:n])
	}
	send(batchSize)
	for end := time.Now().Add(d); time.Now().Before(end); {
		conn.SetReadDeadline(time.Now().Add(time.Second))
		got, err := mmsg.read()
		if err != nil { // lost: begin anew
			send(batchSize)
			continue
		}
		for _, p := range got {
			if !bytes.HasPrefix(p.in, []byte("SIP/2.0 503 ")) {
				b.Fatalf("got %q", p.in)
			}
		}
		answers += len(got)
		send(len(got))
	}
	return answers
}

// streamLoad has phones ask again and again, each on a connection of its own,
// new for each request unless keep. It returns how many were answered.
func streamLoad(b *testing.B, to netip.AddrPort, cfg *tls.Config, keep bool, d time.Duration) int {
	var wg sync.WaitGroup
	var answers atomic.Int64
	texts, end := loadRequests("REGISTER"), time.Now().Add(d)
	for i := range phonesAtOnce {
		wg.Go(func() {
			for at := i; time.Now().Before(end); at++ {
				n, err := streamPhone(to, cfg, texts[at%len(texts)], func() bool { return keep && time.Now().Before(end) })
				answers.Add(int64(n))
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return int(answers.Load())
}

// streamPhone connects, asks, and asks again while it shall.
func streamPhone(to netip.AddrPort, cfg *tls.Config, text []byte, again func() bool) (answers int, err error) {
	raw, err := net.Dial("tcp", to.String())
	if err != nil {
		return 0, err
	}
	defer raw.Close()
	_ = raw.(*net.TCPConn).SetLinger(0) // ports are few, storms are long
	_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
	conn := raw
	if cfg != nil {
		conn = tls.Client(raw, cfg)
	}
	in := bufio.NewReader(conn)
	for {
		if _, err := conn.Write(text); err != nil {
			return answers, err
		}
		first, err := in.ReadString('\n')
		for line := first; err == nil && line != "\r\n"; {
			line, err = in.ReadString('\n')
		}
		if errors.Is(err, io.EOF) && first == "" && answers > 0 {
			return answers, nil // a drained site closes what is idle, after a while
		}
		if err != nil || !strings.HasPrefix(first, "SIP/2.0 503 ") {
			return answers, fmt.Errorf("answer %q: %w", first, err)
		}
		if answers++; !again() {
			return answers, nil
		}
	}
}
