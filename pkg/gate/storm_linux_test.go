package gate

import (
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// socketStorm sends b.N requests in batches and takes all answers. The gate's
// loop is the only other busy thread, so its processor time is what the process
// used without this one.
func socketStorm(b *testing.B, to netip.AddrPort) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	io, err := newBatch(conn)
	if err != nil {
		b.Fatal(err)
	}
	requests := make([]packet, batchSize)
	for i := range requests {
		requests[i] = packet{out: []byte(registerText), to: to}
	}
	all, own, start := cpu(unix.RUSAGE_SELF), cpu(unix.RUSAGE_THREAD), time.Now()
	for sent := 0; sent < b.N; sent += batchSize {
		io.write(requests)
		for got := 0; got < batchSize; {
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			answers, err := io.read()
			if err != nil {
				b.Fatal(err)
			}
			got += len(answers)
		}
	}
	wall := time.Since(start)
	gate := cpu(unix.RUSAGE_SELF) - all - (cpu(unix.RUSAGE_THREAD) - own)
	b.ReportMetric(float64(b.N)/wall.Seconds(), "req/s")
	b.ReportMetric(float64(b.N)/gate.Seconds(), "req/gate-cpu-s")
}

func cpu(who int) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
