package gate

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkStorm has 100,000 phones register anew within 30 s at one drained
// gate on one processor, evenly, and tells how many were answered, how long it
// took for 99 % of them, and the memory of the gate.
//
//	SIPSTEER_BENCH_STORM  30 by default: seconds
func BenchmarkStorm(b *testing.B) {
	const phones, tick = 100_000, 10 * time.Millisecond
	seconds := setting("STORM", 30)
	dir := b.TempDir()
	writePair(b, dir)
	r := &rival{name: "sipsteer"}
	r.start(b, dir, []string{os.Args[0]})
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadBuffer(socketBuffer)
	sent, took := make([]time.Time, phones), make(chan []time.Duration)
	go func() { took <- stormAnswers(conn, sent) }() // ends with the last answer, or a while after it
	b.ResetTimer()
	each := phones / (seconds * int(time.Second/tick))
	beat := time.NewTicker(tick)
	defer beat.Stop()
	for n := 0; n < phones; <-beat.C {
		for range min(each+1, phones-n) {
			text := strings.NewReplacer("anna@", fmt.Sprintf("u%d@", n), "0_1234567890", fmt.Sprintf("0_%d", n), "bK1727312345", fmt.Sprintf("bK%d", n), "CSeq: 1 ", fmt.Sprintf("CSeq: %d ", n)).Replace(registerText)
			sent[n] = time.Now()
			if _, err := conn.WriteToUDPAddrPort([]byte(text), r.addr()); err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	all := <-took
	slices.Sort(all)
	if len(all) == 0 {
		b.Fatal("no answer")
	}
	p99 := all[len(all)*99/100]
	b.Logf("%d of %d answered, 99 %% within %s, %d MiB", len(all), phones, p99.Round(10*time.Microsecond), r.resident())
	b.ReportMetric(float64(len(all))/phones*100, "%-answered")
	b.ReportMetric(float64(p99.Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(r.resident()), "MiB")
}

// stormAnswers reads until each phone has its answer, or none has come for a
// second. The CSeq tells whose it is.
func stormAnswers(conn *net.UDPConn, sent []time.Time) []time.Duration {
	var out []time.Duration
	buf := make([]byte, 2048)
	for len(out) < len(sent) {
		conn.SetReadDeadline(time.Now().Add(time.Second))
		n, err := conn.Read(buf)
		if err != nil {
			return out
		}
		_, rest, _ := bytes.Cut(buf[:n], []byte("CSeq: "))
		number, _, _ := bytes.Cut(rest, []byte(" "))
		if i, err := strconv.Atoi(string(number)); err == nil && i < len(sent) && bytes.HasPrefix(buf[:n], []byte("SIP/2.0 503 ")) {
			out = append(out, time.Since(sent[i]))
		}
	}
	return out
}
