// Package phones is a crowd of simulated phones and trunks for the lab. They
// find their server as RFC 3263 says, by real DNS queries, register over real
// sockets, hold calls, and differ in the ways that real devices do (see Kind).
package phones
