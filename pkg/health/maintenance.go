package health

import "fmt"

// Maintenance says how a failure stands to the work that people do where it is:
// whether it began while nothing else was to be expected there. The zero value is
// a failure that nobody expected.
type Maintenance uint8

// How a failure stands to maintenance.
const (
	// NoMaintenance: it began while its target was at work.
	NoMaintenance Maintenance = iota
	// InMaintenance: it began while its target was in maintenance, and that lasts.
	// It is shown, and nobody is told of it.
	InMaintenance
	// AfterMaintenance: it began in maintenance, and that is over. It is a failure
	// as any other is, but its beginning says nothing of what fails elsewhere at
	// that time, so it is no part of a common cause.
	AfterMaintenance
)

var maintenanceNames = [...]string{"", "in", "after"}

// MarshalText implements encoding.TextMarshaler: in, after, or nothing.
func (m Maintenance) MarshalText() ([]byte, error) {
	if int(m) < len(maintenanceNames) {
		return []byte(maintenanceNames[m]), nil
	}
	return nil, fmt.Errorf("unknown maintenance %d", m)
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Maintenance) UnmarshalText(b []byte) error {
	for i, n := range maintenanceNames {
		if n == string(b) {
			*m = Maintenance(i)
			return nil
		}
	}
	return fmt.Errorf("unknown maintenance %q (one of in, after)", b)
}

// Loud reports whether the check is down and that is no maintenance: an incident
// is open for it.
func (v *Verdict) Loud() bool { return v.Status == Down && v.Maintenance != InMaintenance }

// Quiet reports whether the check is down as it may be in the maintenance that its
// target is in.
func (v *Verdict) Quiet() bool { return v.Status == Down && v.Maintenance == InMaintenance }

// Unexpected reports whether the check is down and that began while its target was at
// work: what began in maintenance says nothing of what fails elsewhere.
func (v *Verdict) Unexpected() bool { return v.Status == Down && v.Maintenance == NoMaintenance }
