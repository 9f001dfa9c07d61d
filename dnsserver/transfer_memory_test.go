package dnsserver

import (
	"bufio"
	"runtime"
	"testing"
)

// A transfer is made while it is read: a secondary that rests in the middle of
// many tenants keeps little of the zone in memory, and gets the rest then.
func TestTransferHoldsLittle(t *testing.T) {
	const tenants, most = 50_000, 2 << 20 // octets; the records written out are many times that
	s := start(t, withSecondary(), benchZone(t, tenants))
	total := countRecords(t, s)
	if total < 10*tenants {
		t.Fatalf("%d records", total)
	}
	before := heapHeld()
	c := askTransfer(t, s)
	defer c.Close()
	in := bufio.NewReaderSize(c, 1<<16)
	got := readTransfer(t, in, total/2)
	held := heapHeld() - before
	t.Logf("%d records, %d octets held", total, held)
	if held > most {
		t.Errorf("%d octets are held in the middle of the transfer, at most %d", held, most)
	}
	if got += readTransfer(t, in, total-got); got != total {
		t.Errorf("%d records of %d", got, total)
	}
	runtime.KeepAlive(s)
}

// heapHeld is what is in use on the heap after a collection.
func heapHeld() int64 {
	runtime.GC()
	runtime.GC() // what finalizers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
