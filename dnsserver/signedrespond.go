package dnsserver

// signBudget is how many signed answers a second are made for clients over UDP
// who may not be where they say. Above it they are told to come again over TCP:
// a flood of names that were never asked for must not take the processor from
// the answers that are ready.
const signBudget = 10_000

// secure answers with signatures who asks for them (RFC 4035 §3.1), from what
// was made before if it can.
func (r *responder) secure(z *zone, name []byte, a *answer, limit int) {
	q := &r.q
	var buf [maxName + 6]byte
	key := answerKey(&buf, name, q.qtype, r.now/signPeriod)
	s, ok := z.signing.answers.get(key)
	if !ok {
		if r.via == UDP && !r.proven && z.signing.budget.count(r.now) > signBudget {
			a.flags |= flagTC | flagAA
			return
		}
		var err error
		if s, err = z.signedSection(name, q.qtype, r.now/signPeriod); err != nil {
			a.rcode = rcodeServFail
			return
		}
		z.signing.answers.put(key, s)
	}
	r.subject = z.names.hash(name) + uint64(q.qtype)
	if s.rcode == rcodeNXDomain {
		r.subject = subjectDenial
	}
	if q.compact { // RFC 9824 §5.1: else NOERROR, and the NSEC record says it
		a.rcode, r.opts.compact = s.rcode, true
	}
	if !s.referral {
		a.flags |= flagAA
	}
	cuts := s.cuts
	if q.qtype == typeANY {
		cuts = cuts[:1]
	}
	a.place(s, cuts, limit-r.opts.size())
}
