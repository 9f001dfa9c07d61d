package dnsserver

import "bytes"

// zones are all that a server answers for. They are never changed.
type zones struct {
	steered *zone   // nil before the first
	others  []*zone // longest origin first
}

// add puts a zone in its place; it is called before the value is shared.
func (zs *zones) add(z *zone) {
	at := len(zs.others)
	for at > 0 && len(zs.others[at-1].origin) < len(z.origin) {
		at--
	}
	zs.others = append(zs.others[:at], append([]*zone{z}, zs.others[at:]...)...)
}

// other returns the zone of that origin among the others, or nil.
func (zs *zones) other(origin []byte) *zone {
	for _, z := range zs.others {
		if bytes.Equal(z.origin, origin) {
			return z
		}
	}
	return nil
}

// exactly returns the zone of that origin, or nil.
func (zs *zones) exactly(origin []byte) *zone {
	if zs.steered != nil && bytes.Equal(zs.steered.origin, origin) {
		return zs.steered
	}
	return zs.other(origin)
}

// pick returns the zone that a lower-cased wire name lies in: of several the
// one with the longest origin (RFC 1034 §4.3.2, step 2). What is asked of a
// parent about its child, DS, is the parent's (RFC 4035 §3.1.4.1). For names
// that lie in none it is any. It is nil before the first steered zone: what
// lies in that is not to be denied by the zone above it.
func (zs *zones) pick(name []byte, qtype uint16) *zone {
	if zs.steered == nil || len(zs.others) == 0 {
		return zs.steered
	}
	var best, child *zone
	consider := func(z *zone) {
		switch {
		case !covers(z.origin, name):
		case qtype == typeDS && len(name) == len(z.origin):
			child = z
		case best == nil || len(z.origin) > len(best.origin):
			best = z
		}
	}
	consider(zs.steered)
	for _, z := range zs.others {
		consider(z)
	}
	switch {
	case best != nil:
		return best
	case child != nil:
		return child
	}
	return zs.steered
}
