package phones

import (
	"net/netip"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Kind is how a device finds and changes its server.
type Kind string

// The kinds, each with the devices that it stands for.
const (
	// SRV asks NAPTR, SRV and addresses, honours TTLs, chooses by RFC 2782 at
	// each refresh, and tries the next target after 503, a transport error or
	// a time-out (baresip).
	SRV Kind = "srv"
	// LongCache is SRV behind a resolver that keeps answers for a minute
	// whatever their TTL (many home routers).
	LongCache Kind = "long-cache"
	// Follows503 resolves once, keeps the list, and moves only upon 503
	// (devices that read DNS at boot).
	Follows503 Kind = "follows-503"
	// AOnly looks up the address of the domain and knows no SRV (trunks, door
	// phones, softphones with an explicit port).
	AOnly Kind = "a-only"
	// Pinned has an address typed in and never moves.
	Pinned Kind = "pinned"
)

// Group is a number of devices of one kind.
type Group struct {
	Kind      Kind
	Transport fleet.Transport
	Service   fleet.ServiceID
	Count     int
	// Calls is how many of them hold a call.
	Calls int
	// Server is where Pinned devices register.
	Server netip.AddrPort
}

// longCacheTTL is the least that LongCache keeps an answer.
const longCacheTTL = time.Minute

// minTTL is the least time that the kind keeps an answer.
func (k Kind) minTTL() time.Duration {
	if k == LongCache {
		return longCacheTTL
	}
	return 0
}
