package probes_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
)

// dispatcherConfig pings every destination of a list with OPTIONS each 5 s.
const dispatcherConfig = `#!KAMAILIO
debug=0
log_stderror=yes
children=2
auto_aliases=no
listen=udp:%s
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "dispatcher.so"
modparam("dispatcher", "list_file", "%s")
modparam("dispatcher", "ds_ping_interval", 5)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("tm", "fr_timer", 2000)
request_route {
	sl_send_reply("200", "OK");
}
`

// dispatched runs Kamailio's dispatcher with as many destinations, all answered by
// one socket of this process, for a time. It returns the part of one core that
// Kamailio took alone, and how many times in five seconds it asked.
func dispatched(b *testing.B, destinations int, lasts time.Duration) (core, asked float64) {
	b.Helper()
	wiretest.Program(b, "kamailio", "kamailio")
	var requests atomic.Int64
	answers := wiretest.UDP(b, func(req string) []byte {
		requests.Add(1)
		return wiretest.Answer(req, "200 OK", "")
	})
	var list bytes.Buffer
	for i := range destinations {
		fmt.Fprintf(&list, "1 sip:d%d@%s\n", i, answers)
	}
	file := filepath.Join(b.TempDir(), "dispatcher.list")
	if err := os.WriteFile(file, list.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	own := loopbacktest.AddrPort(b, 5060)
	group := wiretest.KamailioOf(b, "kamailio", fmt.Sprintf(dispatcherConfig, own, file), 256, func() bool { return requests.Load() >= int64(destinations) })
	cpu, before, start := usedBy(b, group), requests.Load(), time.Now()
	<-time.After(lasts)
	took := time.Since(start).Seconds()
	return (usedBy(b, group) - cpu).Seconds() / took, float64(requests.Load()-before) / took * 5
}

// usedBy is the processor time of the processes of a group.
func usedBy(b *testing.B, group int) time.Duration {
	b.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	ticks := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // it ended
		}
		// proc(5): what follows the name in brackets is state, ppid, pgrp, and
		// utime and stime as the 12th and 13th.
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 13 || fields[2] != strconv.Itoa(group) {
			continue
		}
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		ticks += user + system
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100 on Linux
}

// BenchmarkTenThousandBesideKamailio is BenchmarkTenThousandChecks after Kamailio's
// dispatcher in the same run: as many destinations, as often. Of Kamailio only its
// own processor time counts, of us the answering side too.
func BenchmarkTenThousandBesideKamailio(b *testing.B) {
	b.Run("kamailio", func(b *testing.B) {
		for b.Loop() {
			core, asked := dispatched(b, tenThousand, 20*time.Second)
			b.ReportMetric(100*core, "%core")
			b.ReportMetric(asked, "asked/5s")
		}
	})
	b.Run("sipsteer", func(b *testing.B) {
		for b.Loop() {
			runTenThousand(b)
		}
	})
}
