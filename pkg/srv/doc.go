// Package srv knows DNS record sets and zones as plain values, the checks that
// a zone must pass before anybody serves it, and how a SIP client chooses a
// target from them (RFC 2782 selection, RFC 3263 order). It does not speak the
// DNS protocol: packing and sockets are package dnsserver's.
package srv
