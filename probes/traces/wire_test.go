package traces_test

import (
	"math/rand/v2"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// When what was lost is sent again.
var (
	sipAgain  = []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond, 3500 * time.Millisecond}                 // RFC 3261 timer E
	synAgain  = []time.Duration{0, time.Second, 3 * time.Second}                                                             // RFC 6298, Linux
	dataAgain = []time.Duration{0, 200 * time.Millisecond, 600 * time.Millisecond, 1400 * time.Millisecond, 3 * time.Second} // Linux's least RTO
)

// exchange returns how long one question and its answer take when packets are
// lost with the probability, each way.
func exchange(again []time.Duration, loss float64, rtt time.Duration, rnd *rand.Rand) time.Duration {
	for _, at := range again {
		there, back := rnd.Float64() >= loss, rnd.Float64() >= loss
		if there && back {
			return at + rtt
		}
	}
	return time.Hour
}

// duration of a probe: its exchanges one after the other.
func took(c health.Check, loss float64, rtt time.Duration, rnd *rand.Rand) time.Duration {
	if loss == 0 {
		return time.Duration(exchanges(c)) * rtt
	}
	rounds := sipRounds(c)
	again, sum := sipAgain, time.Duration(0)
	if c.Transport != fleet.UDP {
		again = dataAgain
		sum += exchange(synAgain, loss, rtt, rnd)
	}
	if c.Transport == fleet.TLS {
		sum += exchange(dataAgain, loss, rtt, rnd) + exchange(dataAgain, loss, rtt, rnd)
	}
	for range rounds {
		sum += exchange(again, loss, rtt, rnd)
	}
	return sum
}

// sipRounds counts the questions of SIP in a probe.
func sipRounds(c health.Check) int {
	switch c.Kind {
	case health.Register:
		return 2
	case health.TLS:
		return 0
	}
	return 1
}

// exchanges counts what goes there and back in a probe.
func exchanges(c health.Check) int {
	n := sipRounds(c)
	switch c.Transport {
	case fleet.TCP:
		n++
	case fleet.TLS:
		n += 3
	}
	return n
}
