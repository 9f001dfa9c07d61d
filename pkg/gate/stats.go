package gate

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate/meter"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// Stats is what a gate has done since it was made. The totals are sums of
// ByMethod; Malformed counts messages that cannot be handled as SIP and is part
// of Dropped or, when they were answered, of Refused.
type Stats struct {
	Relayed, Refused, Redirected, Dropped, Malformed uint64
	Silenced, HungUp                                 uint64 // refused without a word
	Isolated                                         uint64 // of sources in quarantine
	Connections                                      int
	// ByMethod counts requests and responses by what was done with them.
	ByMethod map[MethodKey]uint64
	// ByAgent counts refused and redirected requests by the family of their
	// User-Agent ("linphone", "yealink"), "other" beyond the first ones seen.
	ByAgent map[string]AgentStats
}

// MethodKey names one counter of Stats.
type MethodKey struct {
	Transport fleet.Transport
	Method    string // REGISTER, INVITE, …; "other"; "response"
	Action    Action
}

// AgentStats counts requests of one family of phones.
type AgentStats struct{ Relayed, Refused uint64 }

// methods are counted by their place here; the first is for all others.
var methods = [...]string{"other", "response", "REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "SUBSCRIBE", "NOTIFY", "MESSAGE", "INFO", "PRACK", "UPDATE", "REFER", "PUBLISH"}

func methodIndex(m *sipwire.Message) int {
	if !m.IsRequest() {
		return 1
	}
	for i := 2; i < len(methods); i++ {
		if m.Is(methods[i]) {
			return i
		}
	}
	return 0
}

// counters are written by one goroutine, or by few, and read by all: each UDP
// loop has its own, all streams share one.
type counters struct {
	byMethod  [fleet.WSS + 1][len(methods)][len(actionNames)]atomic.Uint64
	malformed atomic.Uint64
	agents    agentCounters
}

func (c *counters) add(t fleet.Transport, m *sipwire.Message, fault sipwire.Fault, a Action) {
	c.byMethod[t][methodIndex(m)][a].Add(1)
	if fault != sipwire.None {
		c.malformed.Add(1)
		return
	}
	if !m.IsRequest() {
		return
	}
	if ua, ok := m.Value(sipwire.HeaderUserAgent); ok {
		c.agents.add(ua, a)
	}
}

// maxFamilies bounds what strangers can make us remember.
const maxFamilies = 64

// agentCounters counts by User-Agent family. The map is replaced when a family
// comes new, so that counting takes no lock.
type agentCounters struct {
	known atomic.Pointer[map[string]*agentCounter]
	mu    sync.Mutex // held to replace known
}

type agentCounter struct{ relayed, refused atomic.Uint64 }

func (c *agentCounters) add(ua []byte, a Action) {
	var buf [24]byte
	name := meter.Family(buf[:0], ua)
	var counter *agentCounter
	if known := c.known.Load(); known != nil {
		counter = (*known)[string(name)]
	}
	if counter == nil {
		counter = c.learn(string(name))
	}
	if a == Relay {
		counter.relayed.Add(1)
	} else {
		counter.refused.Add(1)
	}
}

func (c *agentCounters) learn(name string) *agentCounter {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[string]*agentCounter{}
	if known := c.known.Load(); known != nil {
		if got := (*known)[name]; got != nil {
			return got
		}
		if len(*known) >= maxFamilies {
			name = "other"
			if got := (*known)[name]; got != nil {
				return got
			}
		}
		next = maps.Clone(*known)
	}
	counter := &agentCounter{}
	next[name] = counter
	c.known.Store(&next)
	return counter
}

// collect adds c to s.
func (c *counters) collect(s *Stats) {
	s.Malformed += c.malformed.Load()
	for t := range c.byMethod {
		for i := range c.byMethod[t] {
			for a := range c.byMethod[t][i] {
				if n := c.byMethod[t][i][a].Load(); n > 0 {
					s.ByMethod[MethodKey{fleet.Transport(t), methods[i], Action(a)}] += n
					*s.total(Action(a)) += n
				}
			}
		}
	}
	if known := c.agents.known.Load(); known != nil {
		for name, counter := range *known {
			sum := s.ByAgent[name]
			sum.Relayed += counter.relayed.Load()
			sum.Refused += counter.refused.Load()
			s.ByAgent[name] = sum
		}
	}
}

func (s *Stats) total(a Action) *uint64 {
	switch a {
	case Relay:
		return &s.Relayed
	case Refuse:
		return &s.Refused
	case Redirect:
		return &s.Redirected
	case Silence:
		return &s.Silenced
	case HangUp:
		return &s.HungUp
	case Isolate:
		return &s.Isolated
	}
	return &s.Dropped
}
