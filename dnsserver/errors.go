package dnsserver

import "errors"

// Errors of Serve. All of them leave the zone served before in place.
var (
	// ErrNoZone is returned when Serve is called without a zone.
	ErrNoZone = errors.New("no zone given")
	// ErrEpochBack is returned when the zone is of an earlier epoch than the
	// one served (rule epoch-forward).
	ErrEpochBack = errors.New("epoch-forward: epoch is lower than the one served")
	// ErrEpochConflict is returned when another zone is already served under
	// the same epoch: two contents must never share one serial.
	ErrEpochConflict = errors.New("epoch-forward: another zone is served under the same epoch")
	// ErrSerialBack is returned when a zone beside the steered one says something
	// else than before without a higher serial.
	ErrSerialBack = errors.New("serial is not higher than the one served, and the records differ")
	// ErrTwice is returned when two zones have one origin.
	ErrTwice = errors.New("another zone has the same origin")
	// ErrUnservable is returned when the zone passes its own check and yet
	// cannot be put into messages: a name too long, a set that no message
	// holds, a CNAME beside other records.
	ErrUnservable = errors.New("zone cannot be served")
)

// Errors of Start.
var (
	// ErrStarted is returned when Start is called twice, or after Stop.
	ErrStarted = errors.New("name server was started before")
)

// errCNAME is why a zone with a CNAME beside other records is refused.
var errCNAME = errors.New("CNAME beside other records (RFC 1034 §3.6.2)")
