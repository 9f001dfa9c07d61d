package probes

import "time"

// Ending is when a certificate that a listener showed ends. The zero value is of
// none.
type Ending struct {
	At time.Time
	Of string // whose it is; holds no control characters
}

// Sooner returns the one that is over first.
func (e Ending) Sooner(o Ending) Ending {
	if e.At.IsZero() || !o.At.IsZero() && o.At.Before(e.At) {
		return o
	}
	return e
}
