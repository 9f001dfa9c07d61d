package gate

import "net/netip"

// lastPhase reports whether connections that carry no call may be closed. In the
// first phase of a drain phones that have moved are still called through them,
// by those that have not. It is not asked of a part: those who share a connection
// with it, behind one proxy, are to keep theirs.
func (r *transportRules) lastPhase() bool {
	return r.Mode == Closed || r.Mode == Draining && !r.PassInvite
}

// firstPhase refuses a call in the first phase of a drain when whom it is for has
// moved: the caller's phone then finds him at the next site. Passed on, the call
// would get 404 here; refused before, it would get 404 there.
func (w *worker) firstPhase(rs *ruleset, l *local, src netip.Addr, v verdict) verdict {
	r, m := w.rules, &w.m
	if v.action != Relay || r.Mode != Draining || !r.PassInvite || !m.Is("INVITE") || m.To().Tag != nil {
		return v
	}
	if rs.emergencyURI(m.URI()) || !w.meter.Gone(w.now, m.URI()) {
		return v
	}
	return rs.refuse(l.transport, m, src)
}
