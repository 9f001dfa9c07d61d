package steer

// Needs is the version of the encoding that a command needs: the oldest one in
// which there was all that it says. A fleet of several versions can still do
// what the oldest knows.
func (c Command) Needs() int {
	switch c.Kind {
	case KindKeyAdd, KindKeyConfirm, KindKeyStep, KindKeyDrop,
		KindQuarantine, KindUnquarantine, KindQuarantineExpire:
		return 2
	case KindSetFleet:
		if c.Fleet != nil && len(c.Fleet.Policy.EmergencyCountries) > 0 {
			return 2
		}
	case KindRollback:
		if c.Past != nil && c.Past.Fleet != nil && len(c.Past.Fleet.Policy.EmergencyCountries) > 0 {
			return 2
		}
	}
	return 1
}
