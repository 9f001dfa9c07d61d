package steer

// Needs is the version of the encoding that a command needs: the oldest one in
// which there was all that it says. A fleet of several versions can still do
// what the oldest knows.
func (c Command) Needs() int {
	switch c.Kind {
	case KindKeyAdd, KindKeyConfirm, KindKeyStep, KindKeyDrop,
		KindQuarantine, KindUnquarantine, KindQuarantineExpire:
		return 2
	}
	return 1
}
