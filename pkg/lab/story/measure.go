package story

import (
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/lab/phones"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Measure is what one fault did, as seen from outside. A time that was not
// reached is negative.
type Measure struct {
	Fault string `json:"fault"`
	Site  string `json:"site"`
	// Detect is from the fault until the fleet's verdict.
	Detect time.Duration `json:"detect"`
	// DNS is from the fault until no name server answers the site any more.
	DNS time.Duration `json:"dns"`
	// P50, P95 and P99 are from the fault until that share of the phones that
	// can move was registered elsewhere.
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
	P99 time.Duration `json:"p99"`
	// Phones were registered there over the transports that failed; Stuck of
	// them never move (stragglers).
	Phones    int `json:"phones"`
	Stuck     int `json:"stuck"`
	CallsLost int `json:"calls_lost"`
}

// measure is a Measure under way.
type measure struct {
	site       fleet.SiteID
	fault      string
	transports []fleet.Transport
	at         time.Time
	affected   []phones.Move
	callsLost  int // before the fault
}

// begin notes the moment before a fault.
func (s *Stage) begin(site fleet.SiteID, fault string, transports []fleet.Transport) {
	m := &measure{site: site, fault: fault, transports: transports, callsLost: s.Crowd.Snapshot().CallsLost}
	for _, p := range s.Crowd.At(site) {
		if slices.Contains(transports, p.Transport) {
			m.affected = append(m.affected, p)
		}
	}
	m.at = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faultAt = m.at
	if len(transports) > 0 {
		s.measures = append(s.measures, m)
	}
}

// Measures returns what was measured so far.
func (s *Stage) Measures() []Measure {
	s.mu.Lock()
	measures := slices.Clone(s.measures)
	s.mu.Unlock()
	out := make([]Measure, len(measures))
	for i, m := range measures {
		until, lost := time.Now(), s.Crowd.Snapshot().CallsLost
		if i+1 < len(measures) {
			until, lost = measures[i+1].at, measures[i+1].callsLost
		}
		out[i] = s.evaluate(m, until)
		out[i].CallsLost = lost - m.callsLost
	}
	return out
}

func (s *Stage) evaluate(m *measure, until time.Time) Measure {
	out := Measure{Fault: m.fault, Site: string(m.site), Detect: -1, DNS: -1, Phones: len(m.affected)}
	if d, ok := s.detected(m); ok {
		out.Detect = d
	}
	if d, ok := s.gone(m); ok {
		out.DNS = d
	}
	left := map[int]time.Duration{}
	for _, move := range s.Crowd.Moves(m.at) {
		if _, seen := left[move.Phone]; !seen && move.From == m.site && move.At.Before(until) {
			left[move.Phone] = move.At.Sub(m.at)
		}
	}
	var times []time.Duration
	for _, p := range m.affected {
		if p.Kind == phones.Pinned {
			out.Stuck++
			continue
		}
		if t, ok := left[p.Phone]; ok {
			times = append(times, t)
		} else {
			times = append(times, -1)
		}
	}
	out.P50, out.P95, out.P99 = percentile(times, 50), percentile(times, 95), percentile(times, 99)
	return out
}

// percentile returns the time until that share had moved; -1 when it was not
// reached.
func percentile(times []time.Duration, share int) time.Duration {
	if len(times) == 0 {
		return -1
	}
	sorted := slices.Clone(times)
	slices.SortFunc(sorted, func(a, b time.Duration) int {
		// Those that never moved come last.
		switch {
		case a < 0 && b < 0:
			return 0
		case a < 0:
			return 1
		case b < 0:
			return -1
		}
		return int(a - b)
	})
	return sorted[min(len(sorted)-1, (len(sorted)*share+99)/100-1)]
}

// detected is the time of the first verdict against the site.
func (s *Stage) detected(m *measure) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Kind == steer.EventVerdict && e.Site == m.site && e.At.After(m.at) && slices.Contains(m.transports, e.Transport) && strings.Contains(e.Text, ": down") {
			return e.At.Sub(m.at), true
		}
	}
	return 0, false
}

// gone is the time at which the last name server left the site out of the last
// of the names.
func (s *Stage) gone(m *measure) (time.Duration, bool) {
	var last time.Duration
	target := "sip." + string(m.site) + "." + lab.Zone + "."
	for _, t := range m.transports {
		for _, svc := range []string{"west.", "east."} {
			d, ok := s.Watch.WithoutSince(t.Label()+"."+svc+lab.Zone+".", target, m.at)
			if !ok {
				return 0, false
			}
			last = max(last, d)
		}
	}
	return last, true
}

// Straggler is a device that was left behind, and why.
type Straggler struct {
	Phone     int    `json:"phone"`
	Site      string `json:"site"`
	Kind      string `json:"kind"`
	Transport string `json:"transport"`
	Advice    string `json:"advice"`
}

// Stragglers lists the devices that stayed at a site that failed.
func (s *Stage) Stragglers() []Straggler {
	s.mu.Lock()
	measures := slices.Clone(s.measures)
	s.mu.Unlock()
	out := []Straggler{}
	for _, m := range measures {
		for _, p := range m.affected {
			known := slices.ContainsFunc(out, func(x Straggler) bool { return x.Phone == p.Phone })
			if p.Kind != phones.Pinned || known {
				continue
			}
			out = append(out, Straggler{
				Phone: p.Phone, Site: string(m.site), Kind: string(p.Kind), Transport: p.Transport.String(),
				Advice: "has the site's address typed in: give it the name " + string(p.Service),
			})
		}
	}
	return out
}
