package softswitch

import (
	"fmt"
	"strings"
)

// Fault is a way of being sick.
type Fault string

// The faults.
const (
	None            Fault = ""
	Down            Fault = "down"             // all sockets closed
	Hang            Fault = "hang"             // sockets open, nothing is answered
	Slow            Fault = "slow"             // every answer three seconds late
	Flap            Fault = "flap"             // down and up in turn
	TLSHang         Fault = "tls-hang"         // TLS: TCP accepts, the handshake never ends
	TLSBadCert      Fault = "tls-bad-cert"     // TLS: an expired certificate
	RegisterTimeout Fault = "register-timeout" // REGISTER is never answered
	AuthReset       Fault = "auth-reset"       // no login is right any more
	CallDrop        Fault = "call-drop"        // calls end a second after they were answered
	DiskCorrupt     Fault = "disk-corrupt"     // the disk is gone and the bindings with it; REGISTER fails with 500
)

// Faults lists all of them.
func Faults() []Fault {
	return []Fault{Down, Hang, Slow, Flap, TLSHang, TLSBadCert, RegisterTimeout, AuthReset, CallDrop, DiskCorrupt}
}

// ParseFault reads a fault. The error lists the right words.
func ParseFault(s string) (Fault, error) {
	words := make([]string, 0, len(Faults()))
	for _, f := range Faults() {
		if string(f) == s {
			return f, nil
		}
		words = append(words, string(f))
	}
	return None, fmt.Errorf("no fault is called %q (one of %s)", s, strings.Join(words, ", "))
}
