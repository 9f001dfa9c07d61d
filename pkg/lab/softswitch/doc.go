// Package softswitch is a simulated SIP server for the lab: a registrar and
// call server that speaks real SIP over UDP, TCP and TLS, and that can be made
// sick on the wire in the ways that real ones were. It is no proxy: it answers
// calls itself, in place of the called phone.
package softswitch
