// Package syslog carries lines of RFC 5424 to a receiver: over TLS (RFC 5425) or TCP
// with counted octets (RFC 6587 §3.4.1), as UDP datagrams (RFC 5426), or into a local
// Unix socket such as /dev/log.
//
// Syslog has no word of a receiver that it has written a line down. What there is,
// is used: over TCP and TLS Send returns without error only when the receiver's
// machine has acknowledged every octet and its end of the connection is open still
// (Linux; elsewhere, when the octets were handed over). Over UDP a line that is lost
// on the way is lost. Whoever sends repeats what Send did not return nil for.
package syslog
