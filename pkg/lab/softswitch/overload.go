package softswitch

import "time"

// allowance is how many requests a softswitch gets done in a second, when it is
// limited: above it requests are dropped, without an answer, whoever sent them.
type allowance struct {
	rate int // a second; 0 is any number
	left float64
	at   time.Time // when left was right
}

// Limit lets the softswitch get no more than so many requests done in a second;
// 0 ends it. It is how a flood by one source hurts all others.
func (s *Softswitch) Limit(perSecond int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allowance = allowance{rate: perSecond, left: float64(perSecond), at: time.Now()}
}

// overloaded takes one request off what can be done now.
func (s *Softswitch) overloaded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &s.allowance
	if a.rate == 0 {
		return false
	}
	now := time.Now()
	a.left = min(float64(a.rate), a.left+now.Sub(a.at).Seconds()*float64(a.rate))
	a.at = now
	if a.left < 1 {
		return true
	}
	a.left--
	return false
}
