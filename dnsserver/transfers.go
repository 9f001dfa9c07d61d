package dnsserver

import "sync/atomic"

// maxTransfers is how many transfers run at a time; a further one is refused
// and comes again.
const maxTransfers = 8

// transfers counts transfers.
type transfers struct {
	running                      atomic.Int64
	whole, incremental, refusals atomic.Uint64
}

// begin takes a place for a transfer; false if there is none.
func (t *transfers) begin() bool {
	if t.running.Add(1) > maxTransfers {
		t.running.Add(-1)
		return false
	}
	return true
}

func (t *transfers) end() { t.running.Add(-1) }

// refuse counts a refusal; its values say that the question is answered as any
// other, which says no.
func (t *transfers) refuse() (done bool, err error) {
	t.refusals.Add(1)
	return false, nil
}
