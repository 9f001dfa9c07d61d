// Package sipwire reads SIP messages as they are on the wire and writes the few
// messages that a stateless element needs: a response made of the request's own
// octets (RFC 3261 §8.2.6, §8.2.7) and a request or response passed on
// (§16.11). It copies nothing and allocates nothing.
//
// It is no SIP stack: it knows no transactions and no dialogs, and it looks only
// into the header fields that a stateless element decides by. Everything else
// passes octet by octet, so that what it does not understand it cannot break.
package sipwire
