package sim

import "time"

// Kind is how a device finds and changes its server.
type Kind string

// The kinds, each with what it was seen to do.
const (
	// KindSRV asks anew at each refresh, goes on to the next target after 503
	// or a dead connection at once and after silence when Timer F has run out,
	// and remembers nothing (baresip).
	KindSRV Kind = "srv"
	// KindSticky stays where it registered while the answers have that site:
	// after 503 it waits Retry-After, silence does not move it, a connection
	// that ends does at once (Linphone).
	KindSticky Kind = "sticky"
	// KindSRVOnce resolves at boot and keeps the list for ever.
	KindSRVOnce Kind = "srv-once"
	// KindFollows503 resolves at boot and moves only upon 503, for good.
	KindFollows503 Kind = "follows-503"
	// KindFollowsSilence moves only when nothing is answered; 503 keeps it.
	KindFollowsSilence Kind = "follows-silence"
	// KindOutbound keeps its flow alive and registers again when it fails
	// (RFC 5626 §4.4).
	KindOutbound Kind = "outbound"
	// KindAOnly looks up the address of the domain and knows no SRV.
	KindAOnly Kind = "a-only"
	// KindPinned has an address typed in and never moves.
	KindPinned Kind = "pinned"
	// KindTrunk is a carrier's proxy: OPTIONS instead of REGISTER, SRV with
	// fail-over.
	KindTrunk Kind = "trunk"
)

// lookup is when a device asks DNS, and for what.
type lookup uint8

const (
	eachTime    lookup = iota // SRV at each refresh
	onceAtBoot                // SRV, and never again
	addressOnly               // the address of the domain at each refresh
	never                     // the site is typed in
)

// reaction is what a device does when a target fails.
type reaction uint8

const (
	stays reaction = iota // asks the same one again after a back-off
	next                  // asks the next one at once
	waits                 // asks the next one when Retry-After is over
)

// behaviour is one kind in facts.
type behaviour struct {
	lookup    lookup
	on503     reaction
	onSilence reaction
	// remembers: begins with the target that accepted last, while it is in the
	// answer.
	remembers bool
	// notices is how long it takes at most until a connection that ended is
	// seen; 0: not before the next refresh.
	notices time.Duration
	// probes: it also notices a server that has fallen silent, by keep-alives.
	probes bool
	// noBinding: holds no registration.
	noBinding bool
}

// Times of devices.
const (
	timerF      = 32 * time.Second // 64 * T1 (RFC 3261 §17.1.2.2)
	backOffMin  = 30 * time.Second // after all targets failed
	backOffMax  = 90 * time.Second
	after500    = 36 * time.Second // 500 keeps a phone where it is
	keepAlive   = 30 * time.Second // between two keep-alives of an outbound flow
	keepTimeout = 10 * time.Second // until a keep-alive counts as unanswered
)

// Kinds lists every kind in the order of the documentation.
func Kinds() []Kind {
	return []Kind{
		KindSRV, KindSticky, KindSRVOnce, KindFollows503, KindFollowsSilence, KindOutbound, KindAOnly, KindPinned, KindTrunk,
	}
}

func (k Kind) behaviour() (behaviour, bool) {
	switch k {
	case KindSRV:
		return behaviour{on503: next, onSilence: next}, true
	case KindSticky:
		return behaviour{on503: waits, remembers: true, notices: 50 * time.Millisecond}, true
	case KindSRVOnce:
		return behaviour{lookup: onceAtBoot, on503: next, onSilence: next}, true
	case KindFollows503:
		return behaviour{lookup: onceAtBoot, on503: next, remembers: true}, true
	case KindFollowsSilence:
		return behaviour{onSilence: next, remembers: true}, true
	case KindOutbound:
		return behaviour{on503: next, onSilence: next, notices: keepAlive, probes: true}, true
	case KindAOnly:
		return behaviour{lookup: addressOnly}, true
	case KindPinned:
		return behaviour{lookup: never}, true
	case KindTrunk:
		return behaviour{on503: next, onSilence: next, noBinding: true}, true
	}
	return behaviour{}, false
}

// FollowsSRV reports whether the kind asks SRV again and moves by what it is
// told: the devices that steering can reach.
func (k Kind) FollowsSRV() bool {
	b, ok := k.behaviour()
	return ok && b.lookup == eachTime
}
