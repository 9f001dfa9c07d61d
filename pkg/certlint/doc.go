// Package certlint judges certificates and keys before a softswitch loads them,
// and finds the one among many that makes a program fail. It reads files,
// directories, PKCS#12 and live TLS listeners, names what is wrong down to the
// octet, and tries each certificate in a throw-away TLS server. It changes
// nothing, and keeps no key longer than it takes to judge it.
package certlint
