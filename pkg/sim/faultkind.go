package sim

// FaultKind is a way of going wrong.
type FaultKind string

// Faults of a site's softswitches, by the words of the lab.
const (
	FaultDown     FaultKind = "down"             // all sockets closed, calls end
	FaultHang     FaultKind = "hang"             // sockets open, nothing is answered
	FaultSlow     FaultKind = "slow"             // every answer three seconds late
	FaultFlap     FaultKind = "flap"             // down and up in turn, ten seconds each
	FaultTLSHang  FaultKind = "tls-hang"         // over TLS nothing is answered
	FaultBadCert  FaultKind = "tls-bad-cert"     // new TLS connections fail
	FaultRegister FaultKind = "register-timeout" // REGISTER is never answered
	FaultAuth     FaultKind = "auth-reset"       // no login is right any more
	FaultCalls    FaultKind = "call-drop"        // calls end as soon as they are up
	FaultDisk     FaultKind = "disk-corrupt"     // bindings are lost, REGISTER fails with 500
)

// Faults of agents and links.
const (
	FaultAgent     FaultKind = "agent-kill" // the agent at the site is dead; the site is not
	FaultPartition FaultKind = "partition"  // the agent cannot reach its peers; phones can reach the site
	FaultCut       FaultKind = "cut"        // phones and other sites' probes cannot reach the site; agents reach each other
)

// Faults that follow phones to the site where they are.
const (
	FaultFlood  FaultKind = "flood"  // a group of phones sends far too much
	FaultPoison FaultKind = "poison" // a softswitch hangs a while after a tenth of the group has come to it
)

// FaultKinds lists every kind.
func FaultKinds() []FaultKind {
	return []FaultKind{
		FaultDown, FaultHang, FaultSlow, FaultFlap, FaultTLSHang, FaultBadCert, FaultRegister, FaultAuth, FaultCalls,
		FaultDisk, FaultAgent, FaultPartition, FaultCut, FaultFlood, FaultPoison,
	}
}

// followsPhones reports whether the fault is a group's and not a site's.
func (k FaultKind) followsPhones() bool { return k == FaultFlood || k == FaultPoison }
