package fleet

import (
	"fmt"
	"time"
)

// Duration is a time.Duration that reads and writes as "5s", "250ms", "1h30m".
type Duration time.Duration

// D returns the duration as the standard type.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Seconds returns the whole seconds, rounded up, as DNS TTLs need them.
func (d Duration) Seconds() uint32 {
	return uint32((time.Duration(d) + time.Second - 1) / time.Second)
}

// String returns the duration in Go's notation.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("not a duration: %q (write a number with a unit: 250ms, 5s, 10m, 1h)", b)
	}
	*d = Duration(v)
	return nil
}
