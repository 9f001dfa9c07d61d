package raftstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// unknown is the outcome of a proposal whose fate its client did not learn.
const unknown = -1

// counter is what the test machine is: an append returns how many entries there
// are then. One of unknown fate may have been applied, or not, at any time after
// it was proposed.
func counter() porcupine.Model {
	nondeterministic := porcupine.NondeterministicModel{
		Init: func() []any { return []any{0} },
		Step: func(state, _, output any) []any {
			n := state.(int)
			switch output.(int) {
			case unknown:
				return []any{n, n + 1}
			case n + 1:
				return []any{n + 1}
			}
			return nil
		},
		Equal: func(a, b any) bool { return a == b },
	}
	return nondeterministic.ToModel()
}

// history collects what the clients saw.
type history struct {
	mu sync.Mutex
	// guarded by mu:
	ops []porcupine.Operation
}

func (h *history) add(client int, start, end int64, output int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: 0, Call: start, Output: output, Return: end})
}

// chaos is a cluster whose members are taken away under its clients.
type chaos struct {
	*raftstoretest.Cluster
	start  time.Time
	random *rand.Rand
	faults map[string]int

	// stores are what the clients may use; nil while a member is down. Not
	// behind a mutex: whoever waits for one keeps virtual time from passing.
	stores [3]atomic.Pointer[raftstore.Store]
}

func (c *chaos) publish() {
	for i, n := range c.Nodes {
		c.stores[i].Store(n.Store)
	}
}

// fault does one bad thing, and ends it after a while.
func (c *chaos) fault() {
	n := c.Nodes[c.random.IntN(len(c.Nodes))]
	pause := time.Duration(100+c.random.IntN(900)) * time.Millisecond
	switch c.random.IntN(3) {
	case 0:
		c.faults["kill"]++
		c.Crash(n)
		c.publish()
		time.Sleep(pause)
		c.Start(n)
		c.publish()
	case 1:
		c.faults["partition"]++
		c.Net.Isolate(n.Address, addresses(c.Nodes)...)
		time.Sleep(pause)
		c.Net.Heal()
	case 2:
		c.faults["pause"]++
		until := time.Now().Add(pause)
		n.Machine.Observe(func(raftstore.Entry) { time.Sleep(time.Until(until)) })
		time.Sleep(pause)
		n.Machine.Observe(nil)
	}
}

// client appends at whichever member it knows to lead.
func (c *chaos) client(ctx context.Context, id int, seed uint64, h *history) {
	random := rand.New(rand.NewPCG(seed, uint64(id)))
	at := random.IntN(len(c.Nodes))
	for ctx.Err() == nil {
		store := c.stores[at].Load()
		if store == nil {
			at = random.IntN(len(c.Nodes))
			time.Sleep(5 * time.Millisecond)
			continue
		}
		call := time.Since(c.start).Nanoseconds()
		try, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		res, err := store.Propose(try, fmt.Append(nil, id))
		cancel()
		switch {
		case err == nil:
			h.add(id, call, time.Since(c.start).Nanoseconds(), res.Value.(int))
		case errors.Is(err, raftstore.ErrUncertain):
			h.add(id, call, math.MaxInt64, unknown)
		default: // certainly nothing
			at = random.IntN(len(c.Nodes))
		}
		time.Sleep(time.Duration(20+random.IntN(60)) * time.Millisecond)
	}
}

// TestHistoriesAreLinearizable has clients append while members are killed,
// paused and cut off, and looks for an order of all that was acknowledged which
// agrees with real time and explains every answer.
func TestHistoriesAreLinearizable(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			h, faults := &history{}, map[string]int{}
			synctest.Test(t, func(t *testing.T) { play(t, seed, h, faults) })
			acknowledged := 0
			for _, op := range h.ops {
				if op.Output != unknown {
					acknowledged++
				}
			}
			if acknowledged < 100 || faults["kill"]+faults["partition"]+faults["pause"] < 8 {
				t.Fatalf("void: %d acknowledged, faults %v", acknowledged, faults)
			}
			result, _ := porcupine.CheckOperationsVerbose(counter(), h.ops, raftstoretest.Patience)
			if result != porcupine.Ok {
				t.Errorf("%s: %d operations, %d acknowledged, faults %v", result, len(h.ops), acknowledged, faults)
			}
			t.Logf("%d operations, %d of unknown fate, faults %v", len(h.ops), len(h.ops)-acknowledged, faults)
		})
	}
}

// play lets clients and faults run for some virtual seconds.
func play(t *testing.T, seed uint64, h *history, faults map[string]int) {
	c := &chaos{Cluster: raftstoretest.InMemory(t, 3), start: time.Now(), random: rand.New(rand.NewPCG(seed, 99)), faults: faults}
	c.Net.SetDelay(2 * time.Millisecond)
	c.Start()
	c.Leader()
	c.publish()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for id := range 4 {
		wg.Go(func() { c.client(ctx, id, seed, h) })
	}
	for ctx.Err() == nil {
		c.fault()
		time.Sleep(time.Duration(200+c.random.IntN(400)) * time.Millisecond)
	}
	wg.Wait()
	c.Net.Heal()
	c.Agree(c.Propose("end").Index)
	c.Crash()
}

// The checker itself finds a wrong answer.
func TestLinearizabilityCheckSeesALoss(t *testing.T) {
	op := func(call, end int64, output int) porcupine.Operation {
		return porcupine.Operation{Input: 0, Call: call, Return: end, Output: output}
	}
	for name, tc := range map[string]struct {
		ops []porcupine.Operation
		ok  bool
	}{
		"in turn":                    {[]porcupine.Operation{op(1, 2, 1), op(3, 4, 2)}, true},
		"one was lost":               {[]porcupine.Operation{op(1, 2, 1), op(3, 4, 1)}, false},
		"against time":               {[]porcupine.Operation{op(1, 2, 2), op(3, 4, 1)}, false},
		"of unknown fate, applied":   {[]porcupine.Operation{op(1, math.MaxInt64, unknown), op(3, 4, 2)}, true},
		"of unknown fate, not":       {[]porcupine.Operation{op(1, math.MaxInt64, unknown), op(3, 4, 1)}, true},
		"applied before it was made": {[]porcupine.Operation{op(1, 2, 2), op(3, math.MaxInt64, unknown)}, false},
	} {
		if porcupine.CheckOperations(counter(), tc.ops) != tc.ok {
			t.Errorf("%s: want %v", name, tc.ok)
		}
	}
}
