// Package dnsserver answers DNS questions authoritatively, over UDP and TCP: about
// the steered zone, and zones beside it. It knows the protocol: how a message is read, what is answered
// (RFC 1034, 1035, 2308, 2782, 6891 and those in docs/rfc-coverage.md), and how
// to do it fast. It does not know why a zone says what it says: it is given a
// srv.Zone for each epoch and serves that one, whole, until the next.
//
// A Server is made with New, bound with Start, given zones with Serve and ended
// with Stop:
//
//	s, err := dnsserver.New(dnsserver.Config{Listen: []netip.AddrPort{addr}})
//	err = s.Start()
//	err = s.Serve(&zone) // each time the decision changes
//	err = s.Stop(ctx)
//
// Before the first zone every question is answered with SERVFAIL. A zone that
// fails its checks is refused and the one served before stays.
//
// How it works inside, and what each choice costs, is in DESIGN.md.
package dnsserver
